"""Divisions in label planes over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.tracking.division.division import Division, DivisionRules, division_score

Labels = NDArray[np.integer]


@dataclass
class _Frame:
    """Areas of all objects on one frame, and those of parts."""

    areas: dict[int, int] = field(default_factory=dict)
    in_parts: dict[int, list[int]] = field(default_factory=dict)
    """Areas of all parts of the objects that consist of large ones."""
    origins: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """For each object, its pixels on those of each object of the frame before."""


def detect_divisions(
    frames: Iterable[Labels], rules: DivisionRules | None = None
) -> tuple[Division, ...]:
    """Return the divisions in labels over time, by frame and parent.

    An object divides if its mask falls into large parts that last, or if objects that last begin
    where it was on the frame before, while it ends or becomes smaller. Two frames are in memory
    at a time.

    Parameters
    ----------
    frames : iterable of NDArray[np.integer]
        Labels (H, W) or (D, H, W) of each frame, 0 is the background.
    rules : DivisionRules or None
        What counts as a division; None for the defaults.
    """
    rules = rules or DivisionRules()
    found: list[_Frame] = []
    before: Labels | None = None
    for labels in frames:
        found.append(_measure(labels, before, rules))
        before = labels
    begins = _first_frames(found)
    divisions = [*_sisters(found, begins, rules), *_splits(found, rules)]
    return tuple(sorted(divisions, key=lambda d: (d.frame, d.parent)))


def _measure(labels: Labels, before: Labels | None, rules: DivisionRules) -> _Frame:
    frame = _Frame()
    ids, compact = np.unique(labels, return_inverse=True)
    boxes = ndimage.find_objects(compact.reshape(labels.shape) + 1)
    for object_id, box in zip(ids.tolist(), boxes, strict=True):
        if not object_id or box is None:
            continue
        mask = labels[box] == object_id
        frame.areas[object_id] = area = int(mask.sum())
        parts, _ = ndimage.label(mask)
        sizes = np.bincount(parts.ravel())[1:]
        if (sizes >= rules.min_part * area).sum() > 1:
            frame.in_parts[object_id] = sizes.tolist()
        if before is not None:
            under, counts = np.unique(before[box][mask], return_counts=True)
            frame.origins[object_id] = dict(zip(under.tolist(), counts.tolist(), strict=True))
    return frame


def _first_frames(frames: list[_Frame]) -> dict[int, int]:
    begins: dict[int, int] = {}
    for number, frame in enumerate(frames):
        for object_id in frame.areas:
            begins.setdefault(object_id, number)
    return begins


def _sisters(frames: list[_Frame], begins: dict[int, int], rules: DivisionRules) -> list[Division]:
    """Return divisions after which objects begin that were not there before."""
    new: dict[tuple[int, int], list[int]] = defaultdict(list)
    for object_id, begin in begins.items():
        parent = _parent(frames, object_id, begin, rules) if begin else None
        if parent is not None:
            new[begin, parent].append(object_id)
    divisions = []
    for (begin, parent), daughters in new.items():
        continues = _lasts(frames, parent, begin, rules)
        shrinks = frames[begin].areas.get(parent, 0) <= (
            rules.max_part * frames[begin - 1].areas[parent]
        )
        ends = parent not in frames[begin].areas
        if (continues and shrinks) or (ends and len(daughters) > 1):
            areas = [frames[begin].areas[i] for i in (daughters if ends else (*daughters, parent))]
            score = division_score(frames[begin - 1].areas[parent], areas)
            divisions.append(Division(parent, begin, tuple(sorted(daughters)), not ends, score))
    return divisions


def _parent(frames: list[_Frame], object_id: int, begin: int, rules: DivisionRules) -> int | None:
    """Return the object on the frame before whose pixels most of a new object has; or None."""
    frame, before = frames[begin], frames[begin - 1]
    origins = {i: n for i, n in frame.origins[object_id].items() if i}
    if not origins or not _lasts(frames, object_id, begin, rules):
        return None
    parent = max(origins, key=lambda i: (origins[i], -i))
    area, whole = frame.areas[object_id], before.areas[parent]
    fits = rules.min_part * whole <= area <= rules.max_part * whole
    return parent if fits and origins[parent] >= rules.min_overlap * area else None


def _lasts(frames: list[_Frame], object_id: int, begin: int, rules: DivisionRules) -> bool:
    later = frames[begin : begin + rules.min_frames]
    return all(object_id in frame.areas for frame in later)


def _splits(frames: list[_Frame], rules: DivisionRules) -> list[Division]:
    """Return divisions after which the mask of the parent itself consists of parts."""
    divisions: list[Division] = []
    ended: set[int] = set()
    for number in range(1, len(frames)):
        for object_id in sorted(frames[number].in_parts.keys() - ended):
            later = frames[number : number + rules.min_frames]
            whole_before = object_id in frames[number - 1].areas
            lasting = all(object_id in frame.in_parts for frame in later)
            if whole_before and object_id not in frames[number - 1].in_parts and lasting:
                whole, parts = (
                    frames[number - 1].areas[object_id],
                    frames[number].in_parts[object_id],
                )
                score = division_score(whole, parts)
                divisions.append(Division(object_id, number, score=score))
                ended.add(object_id)
    return divisions
