from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam2.images.contrast_limits.limits import robust_limits
from napari_sam2.images.intensity import Intensity


def test_percentiles_ignore_a_few_hot_pixels():
    values = np.random.default_rng(0).normal(100, 10, 10**6)
    values[:5] = 65535
    low, high = robust_limits(values)
    assert 60 < low < 75
    assert 125 < high < 140


def test_rare_bright_objects_still_have_gray_levels():
    values = np.random.default_rng(0).normal(100, 10, 10**6)
    values[:300] = np.linspace(2000, 4000, 300)
    _, high = robust_limits(values)
    assert 3000 < high <= 4000


@pytest.mark.parametrize("background", [0.0, 4000.0])
def test_a_constant_background_does_not_hide_what_differs(background):
    values = np.full(10**6, background)
    values[:300] = np.linspace(1000, 2000, 300)
    low, high = robust_limits(values)
    assert low == min(background, low)
    assert low < high
    shown = Intensity(((low, high),)).to_rgb(values[None, None, ::1])
    assert len(np.unique(shown[0, :300, 0])) > 50


@given(hnp.arrays("f8", st.integers(0, 50), elements=st.floats(-1e100, 1e100)))
def test_limits_always_rise(values):
    low, high = robust_limits(values)
    Intensity(((low, high),))
