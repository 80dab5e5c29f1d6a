"""Objects that have the same pixels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.masks.mask import MaskCrop
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

    Masks are decoded only where their windows overlap. Excluded masks have no pixels and are
    ignored.

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
        if info.index in planes and info.excluded is None and not info.window.empty:
            by_plane[info.index].append(info)
    for infos in by_plane.values():
        found.update(_same_pixels(masks, sorted(infos, key=lambda info: info.object_id)))
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


def _same_pixels(masks: MaskStore, infos: Sequence[MaskInfo]) -> Iterator[tuple[int, int]]:
    """Yield the ids of masks of one plane whose IoU is at least 0.9."""
    crops: dict[int, MaskCrop] = {}
    for one, other in _overlapping(infos):
        for info in (one, other):
            if info.object_id not in crops:
                record = masks.get(info.object_id, info.index)
                crops[info.object_id] = MaskCrop.empty() if record is None else record.crop
        first, second = crops[one.object_id], crops[other.object_id]
        low, high = sorted((first.area, second.area))
        if low >= _SAME * high and first.iou(second) >= _SAME:
            yield one.object_id, other.object_id


def _overlapping(infos: Sequence[MaskInfo]) -> Iterator[tuple[MaskInfo, MaskInfo]]:
    """Yield the pairs of masks whose windows share pixels."""
    bounds = np.array([(w.y0, w.x0, w.y1, w.x1) for w in (info.window for info in infos)])
    for number, info in enumerate(infos[:-1]):
        low = np.maximum(bounds[number, :2], bounds[number + 1 :, :2])
        high = np.minimum(bounds[number, 2:], bounds[number + 1 :, 2:])
        for other in np.flatnonzero(np.all(low < high, axis=1)):
            yield info, infos[number + 1 + int(other)]
