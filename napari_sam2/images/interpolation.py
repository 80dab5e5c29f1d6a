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


def interpolate(values: NDArray[Any], position: float) -> NDArray[np.float64]:
    """Return values at a position between those of an array, interpolated linearly.

    Parameters
    ----------
    values : NDArray
        The array.
    position : float
        In elements along the first axis, from 0 to its length minus 1. At whole numbers the values
        are exact, also beside values that are not finite.
    """
    below = int(position)
    share = position - below
    if share == 0:
        return np.asarray(values[below], np.float64)
    return np.asarray((1 - share) * values[below] + share * values[below + 1], np.float64)


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
        before, part, after = key[: self._axis], key[self._axis], key[self._axis + 1 :]
        whole = slice(part, part + 1) if isinstance(part, int) else part
        wanted = range(*whole.indices(self.shape[self._axis]))
        if not wanted:
            return self._array[(*before, slice(0, 0), *after)]
        first, last = wanted[0] // self._factor, -(-wanted[-1] // self._factor)
        block = np.asarray(self._array[(*before, slice(first, last + 1), *after)])
        axis = sum(isinstance(item, slice) for item in before)
        found = self._planes(np.moveaxis(block, axis, 0), first, wanted)
        return found[0] if isinstance(part, int) else np.moveaxis(found, 0, axis)

    def _planes(self, values: NDArray[Any], first: int, wanted: range) -> NDArray[Any]:
        """Return the values at some positions; one after the other, which needs less memory."""
        found = np.empty((len(wanted), *values.shape[1:]), self.dtype)
        for number, position in enumerate(wanted):
            plane = interpolate(values, position / self._factor - first)
            found[number] = np.rint(plane) if found.dtype.kind in "iu" else plane
        return found


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
