from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.images.contrast_limits.fill_values import (
    fill_note,
    find_fill_values,
    without_fill_values,
)

CODES = [
    ("i2", -32768),
    ("i4", -(2**31)),
    ("f4", np.finfo("f4").min),
    ("f8", 1e20),
    ("f4", 9.96921e36),
    ("f4", -9999),
    ("f8", -99999),
    ("i2", -9999),
    ("u2", 65535),
]
"""Usual fill values with the type that they are used in."""

seeds = st.integers(0, 2**32 - 1)


def _filled(values, fill, share=0.27):
    """Return values of which a share is replaced by a fill value."""
    filled = values.copy()
    filled[: int(share * filled.size)] = fill
    return filled


def _found(values, stated=()):
    return [fill.value for fill in find_fill_values(values, stated)]


@given(
    seeds,
    st.sampled_from(CODES),
    st.floats(10, 1000),
    st.floats(0.002, 0.9),
)
def test_a_code_far_from_random_data_is_a_fill_value(seed, code, width, share):
    dtype, fill = code
    data = np.random.default_rng(seed).uniform(100, 100 + width, 5000).astype(dtype)
    filled = _filled(data, np.dtype(dtype).type(fill), share)
    fills = find_fill_values(filled)
    assert [fill.value for fill in fills] == [float(np.dtype(dtype).type(fill))]
    assert fills[0].share == pytest.approx(share, abs=0.001)
    rest = without_fill_values(filled, fills)
    assert rest.min() >= 100
    assert rest.size == filled.size - int(share * filled.size)


@given(seeds, st.sampled_from(["normal", "uniform", "exponential", "poisson"]))
def test_random_data_without_a_fill_value_are_kept(seed, name):
    values = getattr(np.random.default_rng(seed), name)(size=5000) * 100
    for dtype in ("i2", "f4", "u2"):
        assert _found(values.clip(0 if dtype == "u2" else -3e4, 3e4).astype(dtype)) == []


@given(seeds, st.integers(5000, 20_000))
def test_a_minority_far_below_is_a_fill_value_of_any_number(seed, distance):
    data = np.random.default_rng(seed).integers(20_000, 20_300, 5000)
    assert _found(_filled(data, 20_000 - distance)) == [20_000 - distance]


def test_zero_around_bright_data_is_a_fill_value_but_a_zero_background_is_not():
    data = np.random.default_rng(0).integers(30_000, 31_000, 5000).astype("u2")
    assert _found(_filled(data, 0, 0.2)) == [0]
    assert _found(_filled(data, 0, 0.8)) == []


def test_bright_objects_of_one_value_are_not_fill_values():
    data = np.random.default_rng(0).normal(100, 10, 5000)
    assert _found(_filled(data, 3000)) == []


def test_lowest_values_of_a_type_that_join_the_others_are_not_fill_values():
    data = np.random.default_rng(0).normal(0, 20_000, 50_000).clip(-32768, 32767).astype("i2")
    assert (data == -32768).any()
    assert _found(data) == []


@pytest.mark.parametrize("values", [[5, 5, 5], [0, 65535, 0], [0, 255], [-32768, 1, 1], []])
def test_images_of_one_or_two_values_have_none(values):
    assert _found(np.array(values, "i4")) == []


def test_saturated_12_bit_data_have_none():
    data = np.random.default_rng(0).normal(3000, 1500, 50_000).clip(0, 4095).astype("u2")
    assert _found(data) == []


def test_several_fill_values():
    data = np.random.default_rng(0).normal(0, 50, 5000).astype("f4")
    data[:500], data[500:700] = -9999, 1e20
    assert _found(data) == [-9999, pytest.approx(1e20)]


def test_a_stated_fill_value_is_one_wherever_it_lies():
    data = np.random.default_rng(0).integers(0, 100, 5000).astype("i2")
    assert _found(data, (50,)) == [50]
    assert _found(data, (np.nan,)) == []
    assert 50 not in without_fill_values(data, find_fill_values(data, (50,)))


def test_a_stack_of_nothing_but_the_fill_value_keeps_it():
    values = np.full(10, -9999.0)
    assert without_fill_values(values, find_fill_values(values, (-9999,))).size == 10


def test_the_message_names_value_and_share():
    fills = find_fill_values(_filled(np.arange(1000, dtype="i2"), -32768))
    assert "-32768 (27 % of the pixels)" in fill_note(fills)
