"""Accepted objects keep their pixels: what a later one may have of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from napari_sam2.mask_codec import SURE, compress
from napari_sam2.masks import MaskRecord


def without(record: MaskRecord, others: Iterable[MaskRecord]) -> MaskRecord:
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
    cut = np.where(kept, steps, np.minimum(steps, np.int8(-SURE)))
    return replace(record, area=int(np.count_nonzero(cut > 0)), payload=compress(cut))
