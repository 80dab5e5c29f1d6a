"""The resized part of a mask equals the same part of the whole resized mask."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_sam2.candidates.resizing import Resizing


@pytest.mark.parametrize("target", [(24, 24), (37, 90), (9, 24), (7, 5)])
@pytest.mark.parametrize("corner", [(0, 0), (5, 9), (20, 21)])
def test_the_part_holds_every_positive_pixel(target, corner) -> None:
    logits = np.random.default_rng(1).normal(-3, 0.5, (24, 24)).astype(np.float32)
    logits[corner[0] : corner[0] + 4, corner[1] : corner[1] + 3] = 5
    zoom = target[0] / 24, target[1] / 24
    whole = ndimage.zoom(logits, zoom, order=1, mode="nearest", grid_mode=True)
    part, (y, x) = Resizing((24, 24), target).part_around(logits)
    there = (slice(y, y + part.shape[0]), slice(x, x + part.shape[1]))
    np.testing.assert_allclose(part, whole[there], atol=1e-4)
    whole[there] = -1
    assert not (whole > 0).any()


def test_a_mask_without_pixels_has_no_part() -> None:
    part, _ = Resizing((8, 8), (32, 32)).part_around(np.full((8, 8), -1, np.float32))
    assert part.size == 0
