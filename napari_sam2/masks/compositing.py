"""Label images composed from the masks of several objects."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.masks.store import MaskRecord

_TIER = {
    MaskStatus.DRAFT: 128,
    MaskStatus.FINAL: 128,
    MaskStatus.ACCEPTED: 256,
    MaskStatus.LOCKED: 384,
}


def compose_labels(records: Iterable[MaskRecord], window: Window) -> NDArray[np.uint32]:
    """Return the labels of a window of one plane.

    Where masks overlap, a locked mask wins over an accepted one, and that one over all others;
    among masks of the same rank the higher logit wins, and for equal logits the lower id. A pixel
    that an object lost to another one is its own only where no other mask has it, e.g. after that
    object was deleted. Excluded masks have no pixels. The order of the records does not matter.

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
        if common.empty or record.excluded is not None:
            continue
        rank = _rank(record)[common.relative_to(record.window).slices]
        here = common.relative_to(window).slices
        wins = rank > best[here]
        best[here][wins] = rank[wins]
        labels[here][wins] = record.object_id
    return labels


def _rank(record: MaskRecord) -> NDArray[np.int16]:
    """Return the rank (h, w) of the mask in each pixel of its crop; 0 outside the mask."""
    steps, lost = record.steps.astype(np.int16), record.lost
    tier = np.int16(_TIER[record.status])
    ranked = steps + (tier if lost is None else np.where(lost, np.int16(0), tier))
    return np.asarray(np.where(steps > 0, ranked, 0), dtype=np.int16)
