"""Masks that fall into parts, as masks of two objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.masks.store import MaskRecord
from napari_sam2.tracking.division.daughters import DaughterLabels
from napari_sam2.tracking.division.division import Division

_WHOLE, _FIRST, _SECOND = 1, 2, 3
"""Labels of an object and of its parts."""


def split_parts(records: Sequence[MaskRecord], second_id: int) -> list[MaskRecord]:
    """Return the masks of the first part with the id of the object, and those of the second part.

    Each pixel belongs to the part that was nearer on the frame before; see
    :class:`napari_sam2.tracking.division.daughters.DaughterLabels`.

    Parameters
    ----------
    records : sequence of MaskRecord
        Masks of one object by increasing frame; the first one consists of parts.
    second_id : int
        Id of the object that gets the second part.
    """
    full = [record for record in records if record.area]
    if not full:
        return list(records)
    window = reduce(Window.union, (record.window for record in full))
    labels = DaughterLabels([Division(_WHOLE, 0)], _FIRST)
    split: list[MaskRecord] = []
    for time, record in enumerate(full):
        crop = record.own_crop
        plane = np.zeros(window.shape, np.uint8)
        plane[crop.window.relative_to(window).slices] = crop.logits > 0
        parts = labels.add(time, plane)[crop.window.relative_to(window).slices]
        split += _records(record, crop, parts, second_id)
    return split


def _records(
    record: MaskRecord, crop: MaskCrop, parts: NDArray[np.uint32], second_id: int
) -> Iterator[MaskRecord]:
    """Yield the masks of both parts on one frame; the first one even if it is empty."""
    result = record.result(frame=0)
    for part, object_id in ((_FIRST, record.object_id), (_SECOND, second_id)):
        inside = parts == part
        logits = np.where(inside, crop.logits, -np.abs(crop.logits))
        if part == _SECOND and not inside.any():
            continue
        own = replace(result, object_id=object_id, crop=MaskCrop(crop.window, logits), lost=None)
        yield MaskRecord.from_result(own, record.status)
