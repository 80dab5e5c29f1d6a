"""What the model sees: one rule for the whole stack."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity, choose_intensity
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

TYPES = ("b1", "u1", "i1", "u2", "i2", "u4", "i4", "i8", "f2", "f4", "f8")
finite = st.floats(-1e6, 1e6)
placement = st.builds(
    lambda low, width, gamma, color: Intensity(((low, low + width),), (gamma,), (color,)),
    finite,
    st.floats(1e-3, 1e6),
    st.floats(0.2, 5),
    st.tuples(*[st.floats(0, 1)] * 3),
)
planes = st.sampled_from(TYPES).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))
)


@given(planes, placement)
def test_a_frame_looks_the_same_alone_and_among_others(stack, rule):
    together = np.concatenate([rule.to_rgb(plane[None]) for plane in stack])
    side_by_side = rule.to_rgb(stack.reshape(1, -1, stack.shape[2]))
    np.testing.assert_array_equal(together, side_by_side)


@given(placement, st.lists(finite, min_size=2, max_size=20))
def test_brighter_values_never_look_darker(rule, values):
    shown = rule.to_rgb(np.sort(np.array(values))[None, None]).astype(int)
    assert (np.diff(shown, axis=1) >= 0).all()


@given(finite, st.floats(1e-3, 1e6), st.floats(0.2, 5), st.sampled_from(("f4", "f8", "i4")))
def test_limits_are_black_and_white(low, width, gamma, kind):
    limits = np.array([low, low + width]).astype(kind).astype(float)
    if limits[0] >= limits[1]:
        return
    rule = Intensity((tuple(limits),), (gamma,))
    edge = np.array([[limits]]).astype(kind)
    assert rule.to_rgb(edge)[0].tolist() == [[0] * 3, [255] * 3]
    beyond = np.array([[[limits[0] - 1, limits[1] + 1]]])
    assert rule.to_rgb(beyond)[0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2"])
def test_the_table_for_small_integers_is_the_formula(kind):
    info = np.iinfo(kind)
    plane = np.arange(info.min, info.max + 1).astype(kind)
    plane = np.resize(plane, (1, 300, 300))
    rule = Intensity(((info.min / 3, info.max / 2),), (0.7,))
    slow = rule.to_rgb(plane.astype(np.float64))
    np.testing.assert_array_equal(rule.to_rgb(plane), slow)


def test_eight_bit_passes_unchanged():
    gray, rgb = noise((3, 8, 9), "uint8"), noise((3, 8, 9, 3), "uint8")
    for array, expected in ((gray, np.stack([gray[1]] * 3, -1)), (rgb, rgb[1])):
        stack = open_stack(array)
        shown = choose_intensity(stack).to_rgb(stack.read((1,)))
        np.testing.assert_array_equal(shown, expected)
        assert shown.dtype == np.uint8


def test_booleans_are_black_and_white():
    stack = open_stack(noise((3, 8, 9), "bool"))
    shown = choose_intensity(stack).to_rgb(stack.read((1,)))
    np.testing.assert_array_equal(shown[..., 0] > 0, stack.read((1,))[0])
    assert set(np.unique(shown)) == {0, 255}


def test_channels_are_added_in_their_colours():
    rule = Intensity(((0, 10), (0, 10)), colors=((0, 1, 0), (1, 0.5, 1)))
    shown = rule.to_rgb(np.array([[[10, 0, 10]], [[0, 10, 10]]]))
    assert shown[0].tolist() == [[0, 255, 0], [255, 128, 255], [255, 255, 255]]


def test_nan_is_the_minimum_and_infinities_the_limits():
    rule = Intensity(((-5, 5),), (0.5,))
    shown = rule.to_rgb(np.array([[[np.nan, np.inf, -np.inf, -5, 5]]], np.float32))
    assert shown[0, :, 0].tolist() == [0, 255, 0, 0, 255]


@pytest.mark.parametrize("value", [0, -1000, 65535, 1e30, np.nan, np.inf])
def test_constant_stacks_are_shown(value):
    stack = open_stack(np.full((3, 8, 9), value, np.float64))
    rule = choose_intensity(stack)
    assert (rule.to_rgb(stack.read((0,))) == rule.to_rgb(stack.read((0,)))[0, 0]).all()


def test_windows_by_name():
    assert Intensity.window("CT-Brain", 2).limits == ((0.0, 80.0),) * 2


def test_the_choice_of_limits():
    stack = open_stack(noise((3, 2, 8, 9)), axes="TCYX")
    assert choose_intensity(stack, contrast=(5, 10)).limits == ((5, 10), (5, 10))
    assert choose_intensity(stack, contrast=[(5, 10), (1, 2)]).limits == ((5, 10), (1, 2))
    assert choose_intensity(stack, window="ct-brain").limits == ((0, 80), (0, 80))
    for contrast in ((5, 5), (6, 5), (np.nan, 5), (1, 2, 3), [(1, 2)] * 3):
        with pytest.raises(UserError):
            choose_intensity(stack, contrast=contrast)
    with pytest.raises(UserError, match="not both"):
        choose_intensity(stack, contrast=(1, 2), window="ct-lung")


@pytest.mark.parametrize("gamma", [(0.0,), (-1.0,), (1.0, 1.0)])
def test_wrong_gamma_is_refused(gamma):
    with pytest.raises(UserError):
        Intensity(((0, 1),), gamma)


def test_the_number_of_channels_must_fit():
    with pytest.raises(ValueError, match="limits for 1 channels"):
        Intensity(((0, 1),)).to_rgb(np.zeros((2, 4, 4)))


def test_rgb_of_more_bits_shares_its_limits():
    stack = open_stack(noise((2, 8, 9, 3)), axes="TYXS")
    assert len(set(choose_intensity(stack).limits)) == 1
