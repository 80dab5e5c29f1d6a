"""Objects that have the same pixels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.masks.store import MaskInfo, MaskStore

_SAME = 0.9
"""IoU from which two masks are the same object."""
_MOST_LISTED = 5


@dataclass(frozen=True, slots=True, order=True)
class Duplicate:
    """Two objects with the same pixels.

    Parameters
    ----------
    first, second : int
        Their label values, ascending.
    frames : int
        Number of frames on which their masks have an IoU of at least 0.9.
    """

    first: int
    second: int
    frames: int


def find_duplicates(masks: MaskStore, geometry: LabelGeometry) -> tuple[Duplicate, ...]:
    """Return the pairs of objects that have the same pixels on some frames, by id.

    Masks are decoded only where their bounding boxes and areas agree.

    Parameters
    ----------
    masks : MaskStore
        The masks, before they are composed to labels.
    geometry : LabelGeometry
        The stack; masks on planes of other stacks are ignored.
    """
    found: Counter[tuple[int, int]] = Counter()
    by_plane: defaultdict[PlaneIndex, list[MaskInfo]] = defaultdict(list)
    planes = {geometry.index(frame) for frame in range(geometry.n_frames)}
    for info in masks.infos():
        if info.index in planes and info.area:
            by_plane[info.index].append(info)
    for infos in by_plane.values():
        ordered = sorted(infos, key=lambda info: info.object_id)
        for one, other in _similar(ordered):
            if _mask_iou(masks, one, other) >= _SAME:
                found[one.object_id, other.object_id] += 1
    return tuple(sorted(Duplicate(*pair, frames) for pair, frames in found.items()))


def duplicate_messages(duplicates: Sequence[Duplicate]) -> tuple[str, ...]:
    """Return a message for each of the first pairs, and one for the number of the others."""
    texts = [
        f"Objects {pair.first} and {pair.second} overlap: they have the same pixels on "
        f"{pair.frames} frame{'s' if pair.frames > 1 else ''}, where the labels hold only one of "
        "them. Delete one, or add clicks that separate them."
        for pair in duplicates[:_MOST_LISTED]
    ]
    if more := len(duplicates) - _MOST_LISTED:
        texts += [f"{more} more pairs of objects overlap."] if more > 0 else []
    return tuple(texts)


def _similar(infos: Sequence[MaskInfo]) -> Iterator[tuple[MaskInfo, MaskInfo]]:
    """Yield pairs whose areas allow an IoU of 0.9 and whose bounds share most of their pixels."""
    boxes = np.array([(w.y0, w.x0, w.y1, w.x1) for w in (info.window for info in infos)])
    areas = np.array([info.area for info in infos])
    for number, info in enumerate(infos[:-1]):
        rest = slice(number + 1, None)
        low, high = np.sort([np.full(len(areas[rest]), areas[number]), areas[rest]], axis=0)
        common = _common_area(boxes[number], boxes[rest])
        for other in np.flatnonzero((low >= _SAME * high) & (common >= _SAME * low)):
            yield info, infos[number + 1 + int(other)]


def _common_area(box: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    return np.asarray(np.prod((high - low).clip(0), axis=1))


def _mask_iou(masks: MaskStore, one: MaskInfo, other: MaskInfo) -> float:
    records = [masks.get(info.object_id, info.index) for info in (one, other)]
    first, second = (None if r is None else r.result(0).crop for r in records)
    return 0.0 if first is None or second is None else first.iou(second)
