"""Label images composed from the masks of several objects."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
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

    Where masks overlap, a locked mask wins over an accepted one, and that one over all others;
    among masks of the same rank the higher logit wins, and for equal logits the lower id. The
    order of the records does not matter.

    Parameters
    ----------
    records : iterable of MaskRecord
        Masks of the plane, at most one per object.
    window : Window
        The part of the plane to compose, in pixels of the plane.

    Returns
    -------
    NDArray[np.uint32]
        (h, w) of the window; 0 where there is no mask.
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
