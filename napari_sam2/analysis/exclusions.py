"""Objects that lost their pixels to neighbors in a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from napari_sam2.analysis.duplicates import duplicate_messages, find_duplicates
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.masks.store import MaskStore

_MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class ExcludedObject:
    """An object that other objects excluded on some frames.

    Parameters
    ----------
    object_id : int
        The label value.
    frames : tuple of int
        The frames, increasing.
    rival : int or None
        The object that has most of its pixels on the first of them; None if no object has any
        more.
    """

    object_id: int
    frames: tuple[int, ...]
    rival: int | None


def find_exclusions(masks: MaskStore, geometry: LabelGeometry) -> tuple[ExcludedObject, ...]:
    """Return the objects that are excluded on some frames, by id.

    Parameters
    ----------
    masks : MaskStore
        The masks.
    geometry : LabelGeometry
        The stack; masks on planes of other stacks are ignored.
    """
    planes = {geometry.index(frame): frame for frame in range(geometry.n_frames)}
    found: defaultdict[int, list[int]] = defaultdict(list)
    for info in masks.infos():
        if info.excluded is not None and info.index in planes:
            found[info.object_id].append(planes[info.index])
    return tuple(
        ExcludedObject(object_id, tuple(sorted(frames)), _rival(masks, geometry, object_id, frames))
        for object_id, frames in sorted(found.items())
    )


def exclusion_messages(excluded: Sequence[ExcludedObject]) -> tuple[str, ...]:
    """Return a message for each of the first objects, and one for the number of the others."""
    texts = [_message(item) for item in excluded[:_MOST_LISTED]]
    if more := len(excluded) - _MOST_LISTED:
        more_objects = f"{more} more object{'s' if more > 1 else ''}"
        texts += [f"Neighbors excluded {more_objects}."] if more > 0 else []
    return tuple(texts)


def overlap_messages(masks: MaskStore, geometry: LabelGeometry) -> tuple[str, ...]:
    """Return what to know after a run about objects that had the same pixels.

    Parameters
    ----------
    masks : MaskStore
        The masks.
    geometry : LabelGeometry
        The stack.
    """
    duplicates = duplicate_messages(find_duplicates(masks, geometry))
    return (*duplicates, *exclusion_messages(find_exclusions(masks, geometry)))


def _message(item: ExcludedObject) -> str:
    first, count = item.frames[0], len(item.frames)
    where = f"frame {first}" if count == 1 else f"{count} frames, first on frame {first}"
    if item.rival is None:
        return (
            f"Object {item.object_id} has no mask on {where}: other objects have most of its "
            "pixels there."
        )
    return (
        f"Object {item.object_id} has no mask on {where}: object {item.rival} has most of its "
        f"pixels there. If they are not its own, correct or end object {item.rival}, or propagate "
        "both together."
    )


def _rival(
    masks: MaskStore, geometry: LabelGeometry, object_id: int, frames: Sequence[int]
) -> int | None:
    records = masks.at(geometry.index(min(frames)))
    crop = next(record.crop for record in records if record.object_id == object_id)
    shared = {
        record.object_id: record.own_crop.shared_pixels(crop)
        for record in records
        if record.object_id != object_id and record.excluded is None
    }
    most = max(shared, key=lambda other: (shared[other], -other), default=None)
    return most if most is not None and shared[most] else None
