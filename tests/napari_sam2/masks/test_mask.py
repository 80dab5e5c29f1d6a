"""Mask crops: overlap measures and subtraction; the text of views."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskCrop, format_view, parse_view
from tests.helpers.mask_strategies import PLANE, windows


@st.composite
def crops(draw):
    window = draw(windows())
    logits = draw(arrays(np.float32, window.shape, elements=st.floats(-9, 9, width=32)))
    return MaskCrop(window, logits)


def on_plane(crop):
    plane = np.zeros(PLANE, bool)
    plane[crop.window.slices] = crop.logits > 0
    return plane


@given(crops(), crops())
def test_overlap_measures_are_those_of_the_planes(first, second):
    one, other = on_plane(first), on_plane(second)
    shared, union = np.count_nonzero(one & other), np.count_nonzero(one | other)
    assert first.shared_pixels(second) == shared
    assert first.iou(second) == (shared / union if union else 0)
    assert first.overlap(second) == (shared / one.sum() if one.any() else 0)


@given(crops(), st.lists(crops(), max_size=3))
def test_subtraction_removes_the_pixels_of_others_only(crop, others):
    rest = crop.without(others)
    taken = np.any([on_plane(other) for other in others] or [np.zeros(PLANE, bool)], axis=0)
    np.testing.assert_array_equal(on_plane(rest), on_plane(crop) & ~taken)
    assert (rest is crop) == (not np.any(on_plane(crop) & taken))


@given(crops())
def test_box_and_area_are_those_of_the_positive_pixels(crop):
    plane = on_plane(crop)
    assert crop.area == np.count_nonzero(plane)
    if crop.box is None:
        assert not plane.any()
    else:
        rows, columns = np.nonzero(plane)
        expected = Window(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        assert crop.box == expected


@pytest.mark.parametrize(
    ("text", "view", "refined", "ended"),
    [
        ("full", None, False, False),
        ("full refined", None, True, False),
        ("zoom -12:244,4:260", Window(-12, 4, 244, 260), False, False),
        ("zoom 5:101,-300:-204 refined", Window(5, -300, 101, -204), True, False),
        ("stopped", None, False, True),
    ],
)
def test_the_text_of_a_view_is_read_as_it_was_written(text, view, refined, ended):
    assert format_view(view, refined=refined, ended=ended) == text
    assert parse_view(text) == (view, refined, ended)
