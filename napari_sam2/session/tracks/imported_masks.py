"""Masks of labels that another program has made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.label_image import label_crops
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.masks.store import MaskRecord


def masks_of_labels(labels: NDArray[np.integer], index: PlaneIndex) -> list[MaskRecord]:
    """Return an accepted mask for each label of a plane (H, W), by increasing label.

    The masks count as tracked ones, so that clicks correct them.
    """
    height, width = labels.shape
    crops = label_crops(lambda window: labels[window.slices], (height, width))
    records = (MaskRecord.from_mask(i, index, mask, window.offset) for i, window, mask in crops)
    return [replace(record, origin=MaskOrigin.FORWARD) for record in records]
