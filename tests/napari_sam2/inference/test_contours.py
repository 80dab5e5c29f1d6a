from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from napari_sam2.inference.contours import smooth_contour


def logits(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(mask, 20, -20).astype(np.float32)


def disc(radius: float, side: int = 128) -> NDArray[np.bool_]:
    y, x = np.ogrid[:side, :side]
    mask: NDArray[np.bool_] = np.hypot(y - side / 2, x - side / 2) < radius
    return mask


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_jitter_at_the_size_of_a_mask_pixel_goes_and_the_object_stays() -> None:
    true, rng = disc(40), np.random.default_rng(0)
    blocks = np.kron(rng.random((43, 43)) < 0.5, np.ones((3, 3), bool))[:128, :128]
    rim = disc(43) & ~disc(37)
    jagged = np.where(rim, blocks, true)
    found = smooth_contour(logits(jagged), mask_pixel=3.0) > 0
    assert iou(found, true) > iou(jagged, true) + 0.03


@pytest.mark.parametrize("radius", [3, 5, 8])
def test_small_objects_keep_their_pixels(radius: int) -> None:
    mask = disc(radius)
    assert iou(smooth_contour(logits(mask), mask_pixel=3.0) > 0, mask) > 0.97


def test_a_fine_mask_pixel_limits_what_is_smoothed() -> None:
    line = np.zeros((128, 128), bool)
    line[20:100, 20:100] = True
    line[60:64, 100:120] = True
    assert smooth_contour(logits(line), mask_pixel=0.75)[62, 115] > 0
    assert smooth_contour(logits(line), mask_pixel=8.0)[62, 115] < 0


@given(arrays(np.float32, (12, 14), elements=st.floats(-20, 20, width=32)), st.floats(0, 9))
def test_a_mask_never_vanishes_and_its_surroundings_stay(
    values: NDArray[np.float32], grain: float
) -> None:
    before = values.copy()
    found = smooth_contour(values, grain)
    assert np.array_equal(values, before)
    assert (found > 0).any() == (values > 0).any()
    assert found.dtype == np.float32
    assert found.shape == values.shape


def test_nothing_is_done_without_reason() -> None:
    mask = logits(disc(20))
    assert smooth_contour(mask, 0.1) is mask
    empty = np.full((8, 8), -1, np.float32)
    assert smooth_contour(empty, 3.0) is empty
