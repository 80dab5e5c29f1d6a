"""Interpolated planes: exact at the slices, linear between them, read piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.interpolation import (
    InterpolatedArray,
    interpolate,
    interpolated_stack,
    spacing_ratio,
)
from napari_sam2.images.stack import open_stack


class MemoryArray:
    """An array that counts the elements that are read."""

    def __init__(self, array: NDArray[Any], chunks: tuple[int, ...] | None = None) -> None:
        self._array = array
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, chunks
        self.elements = 0

    def __getitem__(self, key: Any) -> NDArray[Any]:
        part: NDArray[Any] = self._array[key]
        self.elements += part.size
        return part


def whole(values: NDArray[Any], axis: int, factor: int) -> NDArray[Any]:
    """Return all interpolated values, by another way."""
    positions = np.arange((values.shape[axis] - 1) * factor + 1) / factor
    known = np.arange(values.shape[axis])
    found = np.apply_along_axis(lambda line: np.interp(positions, known, line), axis, values)
    return found.astype(values.dtype)


@given(st.data())
def test_any_part_is_that_of_all_interpolated_values(data: st.DataObject) -> None:
    axis, factor = data.draw(st.integers(0, 2)), data.draw(st.integers(1, 5))
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 3))
    values = np.random.default_rng(0).normal(size=shape)
    array = InterpolatedArray(MemoryArray(values), axis, factor)
    expected = whole(values, axis, factor)
    assert array.shape == expected.shape
    key: list[int | slice] = []
    for length in array.shape:
        first = data.draw(st.integers(0, length - 1))
        stop = data.draw(st.integers(first, length))
        key.append(data.draw(st.sampled_from([first, slice(first, stop)])))
    np.testing.assert_allclose(array[tuple(key)], expected[tuple(key)], atol=1e-12)


def test_integers_are_rounded_and_keep_their_type() -> None:
    values = np.array([0, 255, 254], np.uint8)[:, None, None]
    found = InterpolatedArray(MemoryArray(values), 0, 2)[slice(0, 5), 0, 0]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [0, 128, 255, 254, 254])


def test_missing_values_stay_on_their_slice_and_beside_it() -> None:
    values = np.array([1.0, np.nan, 3.0])
    found = [float(interpolate(values, position)) for position in (0, 0.5, 1, 1.5, 2)]
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, np.nan, 3])


def test_only_the_neighboring_slices_are_read() -> None:
    array = MemoryArray(np.zeros((100, 8, 8)))
    interpolated = InterpolatedArray(array, 0, 4)
    assert interpolated[41, slice(0, 8), slice(0, 8)].shape == (8, 8)
    assert array.elements == 2 * 64
    assert interpolated[slice(40, 41), slice(0, 8), 3].shape == (1, 8)
    assert array.elements == 2 * 64 + 8


def test_a_stack_has_planes_between_and_along_all_axes() -> None:
    image = np.random.default_rng(1).integers(0, 4000, (2, 5, 6, 7), np.uint16)
    stack = open_stack(image, axes="CZYX", along="z", channels=[1])
    finer = interpolated_stack(stack, 3)
    assert (finer.n_frames, finer.label_shape) == (13, (13, 6, 7))
    np.testing.assert_array_equal(finer.read(finer.index(6))[0], image[1, 2])
    across = finer.with_along("y", {})
    np.testing.assert_array_equal(across.read(across.index(4))[0, ::3], image[1, :, 4])
    part = across.read(across.index(4), Window(2, 1, 8, 5))[0]
    np.testing.assert_array_equal(part, across.read(across.index(4))[0, 2:8, 1:5])
    assert interpolated_stack(stack, 1) is stack


def test_large_integers_are_exact_at_the_slices() -> None:
    values = np.array([0, 65535, 0], np.uint16)[:, None]
    found = InterpolatedArray(MemoryArray(values), 0, 3)[slice(0, 7), slice(0, 1)]
    np.testing.assert_array_equal(found[:, 0], [0, 21845, 43690, 65535, 43690, 21845, 0])


def test_chunks_are_read_with_their_neighbors() -> None:
    values = np.random.default_rng(2).normal(size=(9, 6, 6))
    array = InterpolatedArray(MemoryArray(values, (4, 3, 6)), 0, 2)
    assert array.chunks == (8, 3, 6)
    stack = open_stack(array, axes="ZYX", along="z")
    planes = np.stack([stack.read(stack.index(z))[0] for z in range(17)])
    np.testing.assert_allclose(planes, whole(values, 0, 2))


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((2.0, 0.5, 0.5), ("micrometer",) * 3, 4.0),
        ((2000.0, 0.5, 0.5), ("nanometer", "micrometer", "micrometer"), 4.0),
        ((5.0, 1.0, 1.0), ("pixel",) * 3, 5.0),
        ((1.0, 1.0, 1.0), ("pixel",) * 3, None),
        ((2.0, 0.5, 0.5), ("second", "micrometer", "micrometer"), None),
        ((0.0, 0.5, 0.5), ("micrometer",) * 3, None),
    ],
)
def test_the_distance_of_slices_in_pixels(
    scale: tuple[float, ...], units: tuple[str, ...], expected: float | None
) -> None:
    ratio = spacing_ratio(Calibration.of("ZYX", scale, units))
    assert ratio == (None if expected is None else pytest.approx(expected))


def test_without_a_calibration_the_distance_is_unknown() -> None:
    assert spacing_ratio(Calibration()) is None


def test_the_steps_of_an_interpolated_stack_are_smaller() -> None:
    affine = np.diag([4.0, 1.0, 1.0, 1.0])
    image = np.zeros((3, 4, 5), np.uint8)
    stack = open_stack(image, axes="ZYX", along="z")
    calibration = Calibration.of("ZYX", (4, 1, 1), ("millimeter",) * 3, affine)
    from dataclasses import replace

    calibrated = replace(stack, source=replace(stack.source, calibration=calibration))
    finer = interpolated_stack(calibrated, 4)
    assert finer.scale == (1, 1, 1)
    np.testing.assert_array_equal(finer.affine, np.eye(4))
