"""Automatic limits: what does not count, and what the user is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.images.contrast_limits.automatic import suggested_window
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack

SHAPE = (2, 64, 64)


def _noise(dtype="i2", low=-100, high=150):
    return np.random.default_rng(0).uniform(low, high, SHAPE).astype(dtype)


def _ct(padding=-1000):
    rows, columns = np.mgrid[:64, :64]
    body = (rows - 32) ** 2 + (columns - 32) ** 2 < 25**2
    rng = np.random.default_rng(0)
    values = np.where(body, 40, -1000) + rng.normal(0, 12, SHAPE)
    values[:, 30:34, 30:34] = 900
    values[:, :4] = padding
    return values.astype("i2")


def _stack(array, **stated):
    stack = open_stack(array, axes="ZYX")
    return replace(stack, source=replace(stack.source, **stated))


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("i2", -32768), ("f4", -3.4e38), ("f4", 1e20), ("f4", -9999), ("f8", np.nan), ("f8", np.inf)],
)
def test_limits_are_those_of_the_data_without_the_fill_value(dtype, fill):
    data = _noise(dtype)
    filled = data.copy()
    filled[:, :20] = fill
    expected = choose_intensity(_stack(data[:, 20:]))
    chosen = choose_intensity(_stack(filled))
    assert chosen.limits == expected.limits
    assert any("fill value" in note for note in chosen.notes) == np.isfinite(fill)


def test_a_fill_value_that_the_file_states_does_not_count():
    data = _noise(low=0, high=100)
    data[:, :40] = 50
    noted = choose_intensity(_stack(data, fill_value=50)).notes
    assert "50 (" in noted[0]
    assert not choose_intensity(_stack(data)).notes


@given(st.integers(0, 2**32 - 1), st.sampled_from(["u2", "i2", "f4"]))
def test_random_data_get_no_message(seed, dtype):
    data = np.random.default_rng(seed).normal(1000, 100, SHAPE).astype(dtype)
    assert choose_intensity(_stack(data)).notes == ()


def test_rgb_of_more_bits_leaves_out_the_fill_value():
    data = np.random.default_rng(0).integers(100, 200, (2, 32, 32, 3)).astype("i2")
    data[:, :8] = -32768
    limits = choose_intensity(open_stack(data, axes="TYXS")).limits
    assert limits == ((100.0, 199.0),) * 3


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_few_gray_levels_for_nearly_all_pixels_are_reported(dtype):
    data = np.random.default_rng(0).integers(0, 6, SHAPE).astype(dtype)
    data[:, :1, :20] = np.linspace(50, 250, 20)
    assert any("99 % of the pixels share" in note for note in choose_intensity(_stack(data)).notes)


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_background_and_constant_stacks_are_not_reported(value):
    data = np.full(SHAPE, value, "u1")
    assert choose_intensity(_stack(data)).notes == ()
    data[:, :1, :20] = 200
    assert choose_intensity(_stack(data)).notes == ()


@pytest.mark.parametrize("padding", [-1000, -1024, -2000, -3024])
def test_a_ct_gets_a_suggestion_and_auto_follows_it(padding):
    stack = _stack(_ct(padding))
    notes = " ".join(choose_intensity(stack).notes)
    assert "--window auto" in notes
    assert "In napari, press Use the CT window." in notes
    chosen = choose_intensity(stack, window="auto")
    assert chosen.limits == choose_intensity(stack, window="ct-soft-tissue").limits
    assert chosen.origin == "window ct-soft-tissue"
    assert suggested_window(stack).limits == chosen.limits


def test_the_window_of_the_file_comes_first():
    stack = _stack(_ct(), display_window=(-10.0, 90.0))
    assert "-10 to 90" in " ".join(choose_intensity(stack).notes)
    assert choose_intensity(stack, window="AUTO").limits == ((-10.0, 90.0),)
    assert suggested_window(stack).limits == ((-10.0, 90.0),)


def test_auto_without_a_ct_uses_percentiles_and_says_so():
    stack = _stack(_noise())
    chosen = choose_intensity(stack, window="auto")
    assert chosen.limits == choose_intensity(stack).limits
    assert "not those of a CT" in chosen.notes[0]
    assert suggested_window(stack) is None


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["normal", "wide", "uniform", "unsigned"]),
)
def test_other_data_below_minus_900_are_no_ct(seed, kind):
    rng = np.random.default_rng(seed)
    data = {
        "normal": lambda: rng.normal(0, 500, SHAPE).astype("i2"),
        "uniform": lambda: rng.integers(-30_000, 30_000, SHAPE).astype("i2"),
        "wide": lambda: rng.normal(0, 900, SHAPE).astype("f4"),
        "unsigned": lambda: (_ct() + 1024).astype("u2"),
    }[kind]()
    assert "CT" not in " ".join(choose_intensity(_stack(data)).notes)


def test_8_bit_chunks_that_cannot_be_read_are_no_error():
    class Damaged:
        shape, dtype, chunks = SHAPE, np.dtype("u1"), (1, 64, 64)

        def __getitem__(self, key):
            raise OSError("damaged")

    assert choose_intensity(_stack(Damaged())).limits == ((0.0, 255.0),)
