from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.geometry import Window

SHAPE = (20, 20)
bounds = st.tuples(*[st.integers(-5, 25)] * 4)
windows = bounds.map(
    lambda v: Window(min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)


def pixels(window):
    """Return a mask of the pixels of a window on a plane that all windows lie in."""
    mask = np.zeros((40, 40), bool)
    mask[window.shift(8, 8).slices] = True
    return mask


@given(windows, windows)
def test_windows_are_sets_of_pixels(a, b):
    np.testing.assert_array_equal(pixels(a.intersect(b)), pixels(a) & pixels(b))
    both = pixels(a) | pixels(b)
    assert (pixels(a.union(b)) >= both).all()
    assert a.contains(b.intersect(a)) or b.intersect(a).empty
    np.testing.assert_array_equal(pixels(a.clip(SHAPE)), pixels(a) & pixels(Window.of(SHAPE)))


@given(windows, windows, st.integers(0, 4))
def test_coordinates_go_back(a, b, margin):
    assert a.relative_to(b).shift(*b.offset) == a
    assert a.grow(margin).grow(0).contains(a)
    assert a.grow(margin).shape == (a.shape[0] + 2 * margin, a.shape[1] + 2 * margin)


@pytest.mark.parametrize("bounds", [(3, 0, 2, 5), (0, 5, 2, 4)])
def test_reversed_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match="ends before it starts"):
        Window(*bounds)
