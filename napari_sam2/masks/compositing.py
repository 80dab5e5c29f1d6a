"""Labels from masks: which object a pixel belongs to where several claim it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.masks.codec import CERTAIN_LOGIT, compress
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.masks.store import MaskRecord

_TIER = {
    MaskStatus.DRAFT: 0,
    MaskStatus.FINAL: 0,
    MaskStatus.ACCEPTED: 128,
    MaskStatus.LOCKED: 256,
}


def compose_labels(records: Iterable[MaskRecord], window: Window) -> NDArray[np.uint32]:
    """Return the labels of a window of one plane.

    A pixel belongs to the object whose mask is locked, else accepted, else has the higher logit
    there; of equals, to the lower id. The order of the records does not matter.

    Parameters
    ----------
    records : iterable of MaskRecord
        Masks of the plane, at most one per object.
    window : Window
        What to compose, in pixels of the plane.

    Returns
    -------
    NDArray[np.uint32]
        (h, w) of the window; 0 where no mask lies.
    """
    labels = np.zeros(window.shape, dtype=np.uint32)
    best = np.zeros(window.shape, dtype=np.int16)
    for record in sorted(records, key=lambda record: record.object_id):
        common = window.intersect(record.window)
        if common.empty or record.area == 0:
            continue
        steps = record.steps[common.relative_to(record.window).slices].astype(np.int16)
        rank = np.where(steps > 0, steps + _TIER[record.status], 0)
        here = common.relative_to(window).slices
        wins = rank > best[here]
        best[here][wins] = rank[wins]
        labels[here][wins] = record.object_id
    return labels


def subtract_masks(record: MaskRecord, others: Iterable[MaskRecord]) -> MaskRecord:
    """Return a mask without the pixels of others on the same plane.

    Parameters
    ----------
    record : MaskRecord
        The mask to cut.
    others : iterable of MaskRecord
        Whose pixels are taken out; the mask's own object among them is passed over.

    Returns
    -------
    MaskRecord
        ``record`` itself where nothing overlaps; else surely background in the pixels taken out.
    """
    steps = record.steps
    kept = np.ones(steps.shape, bool)
    for other in others:
        common = record.window.intersect(other.window)
        if other.object_id != record.object_id and not common.empty:
            theirs = other.mask[common.relative_to(other.window).slices]
            kept[common.relative_to(record.window).slices] &= ~theirs
    if not np.any((steps > 0) & ~kept):
        return record
    cut = np.where(kept, steps, np.minimum(steps, np.int8(-CERTAIN_LOGIT)))
    return replace(record, area=int(np.count_nonzero(cut > 0)), payload=compress(cut))
