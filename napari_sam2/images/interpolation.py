"""Planes between those of a stack, interpolated linearly when they are read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.calibration import PIXEL, SPATIAL, Calibration
from napari_sam2.images.length_units import size_in
from napari_sam2.images.readers import LazyArray
from napari_sam2.images.readers.base import Key
from napari_sam2.images.stack import Stack


def interpolate(
    values: NDArray[Any], positions: NDArray[np.float64], axis: int = 0
) -> NDArray[np.float64]:
    """Return values at positions between those of an array, interpolated linearly.

    Parameters
    ----------
    values : NDArray
        The array.
    positions : NDArray[np.float64]
        (n,), in elements along ``axis``, from 0 to its length minus 1. At whole numbers the
        values are exact, also beside values that are not finite.
    axis : int
        The axis.
    """
    below = np.floor(positions).astype(np.intp)
    shares = positions - below
    above = below + (shares > 0)
    shares = shares.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    first, second = values.take(below, axis), values.take(above, axis)
    mixed = first * (1 - shares) + second * shares
    return np.asarray(np.where(shares > 0, mixed, first), np.float64)


class InterpolatedArray:
    """A view of an array with more positions along one axis, interpolated linearly.

    Parameters
    ----------
    array : LazyArray
        The array.
    axis : int
        The axis.
    factor : int
        Number of steps into which each step along the axis is divided. Positions ``factor * i``
        are those of the array; integers are rounded.
    """

    def __init__(self, array: LazyArray, axis: int, factor: int) -> None:
        self._array, self._axis, self._factor = array, axis, factor
        length = (array.shape[axis] - 1) * factor + 1
        self.shape = (*array.shape[:axis], length, *array.shape[axis + 1 :])
        self.dtype = array.dtype
        chunks = array.chunks
        self.chunks = chunks and (*chunks[:axis], chunks[axis] * factor, *chunks[axis + 1 :])

    def __getitem__(self, key: Key) -> NDArray[Any]:
        part = key[self._axis]
        whole = slice(part, part + 1) if isinstance(part, int) else part
        wanted = np.arange(*whole.indices(self.shape[self._axis]))
        if not len(wanted):
            return self._array[(*key[: self._axis], slice(0, 0), *key[self._axis + 1 :])]
        first, last = int(wanted[0]) // self._factor, -(-int(wanted[-1]) // self._factor)
        block = self._array[(*key[: self._axis], slice(first, last + 1), *key[self._axis + 1 :])]
        axis = sum(isinstance(item, slice) for item in key[: self._axis])
        found = interpolate(np.asarray(block), wanted / self._factor - first, axis)
        if np.issubdtype(self.dtype, np.integer):
            found = np.rint(found)
        typed = found.astype(self.dtype)
        return typed.take(0, axis) if isinstance(part, int) else typed


def interpolated_stack(stack: Stack, factor: int) -> Stack:
    """Return a stack with interpolated planes between those along z.

    Parameters
    ----------
    stack : Stack
        A stack with frames along z.
    factor : int
        Number of steps into which each step along z is divided; frame ``factor * i`` is frame i
        of the stack. 1 returns the stack itself.
    """
    if factor == 1:
        return stack
    source, axis = stack.source, stack.axes.index("Z")
    depth = stack.full_shape[axis]
    levels = tuple(
        InterpolatedArray(level, axis, factor)
        for level in source.levels
        if len(level.shape) == len(stack.axes) and level.shape[axis] == depth
    )
    source = replace(source, levels=levels, calibration=_divided(source.calibration, factor))
    return Stack.assemble(source, replace(stack.layout, lengths=levels[0].shape), stack.notes)


def _divided(calibration: Calibration, factor: int) -> Calibration:
    """Return a calibration with smaller steps along z."""
    steps, affine = dict(calibration.steps), calibration.affine
    if "Z" in steps:
        steps["Z"] = replace(steps["Z"], size=steps["Z"].size / factor)
    if affine is not None:
        affine = affine / np.array([factor if axis == "Z" else 1 for axis in (*SPATIAL, "")])
    return Calibration(steps, affine)


def spacing_ratio(calibration: Calibration) -> float | None:
    """Return the step along z in units of the mean step along y and x; None if one is unknown."""
    steps = [calibration.step(axis) for axis in SPATIAL]
    if all(step.unit == PIXEL and step.size == 1 for step in steps):
        return None
    z, y, x = (size_in(step, steps[1].unit) for step in steps)
    if z is None or y is None or x is None or min(z, y, x) <= 0:
        return None
    return 2 * z / (y + x)
