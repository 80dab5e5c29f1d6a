"""Packed planes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_sam2.inference.contours import smooth_contour
from napari_sam2.inference.protocol import ViewPrompts
from napari_sam2.inference.remote.packed import PackedArray, PackedPrompts, margin
from napari_sam2.masks.mask import MAX_LOGIT, RIM, positive_bounds

SHAPES = npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)


@given(npst.arrays(np.float32, SHAPES, elements=st.sampled_from([-32.0, -1.0, 0.0, 2.0])))
def test_packing_loses_nothing(plane: np.ndarray) -> None:
    found = PackedArray.of(plane).unpack()
    assert found.dtype == plane.dtype
    np.testing.assert_array_equal(found, plane)


def test_empty_borders_are_not_sent() -> None:
    plane = np.full((100, 100), -32, np.float32)
    plane[40:44, 50:53] = 1
    assert PackedArray.of(plane).part.shape == (4, 3)
    assert PackedArray.of_logits(np.full((9, 9), -1, np.float32), 3).part.size == 0


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from([64, 128, 512]),
)
def test_smoothed_masks_and_their_rims_stay_the_same(
    seed: int, top: int, left: int, image_size: int
) -> None:
    logits = np.random.default_rng(seed).normal(-5, 2, (64, 64)).astype(np.float32)
    logits = logits.clip(None, -0.5)
    logits[top : top + 12, left : left + 9] = 6
    packed = PackedArray.of_logits(logits, margin((64, 64), image_size)).unpack()
    pixel = 64 / (image_size // 4)
    for before, after in (
        (logits, packed),
        (smooth_contour(logits, pixel), smooth_contour(packed, pixel)),
    ):
        bounds = positive_bounds(before)
        assert bounds is not None
        y0, x0, y1, x1 = bounds
        seen = np.s_[max(y0 - RIM, 0) : y1 + RIM, max(x0 - RIM, 0) : x1 + RIM]
        assert positive_bounds(after) == bounds
        np.testing.assert_array_equal(after[seen], before[seen])
    assert packed.min() >= -MAX_LOGIT


def test_prompts() -> None:
    mask = np.zeros((8, 9), bool)
    mask[2:4, 3:5] = True
    given_prompts = ViewPrompts(
        np.ones((1, 2)), np.ones(1, np.int64), None, mask, np.where(mask, 3.0, -32.0)
    )
    found = PackedPrompts.of(given_prompts).unpack()
    assert found.box is None
    assert found.mask is not None
    assert found.mask.dtype == bool
    np.testing.assert_array_equal(found.mask, mask)
    np.testing.assert_array_equal(found.previous, given_prompts.previous)
