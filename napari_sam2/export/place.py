"""Physical place of labels in formats that store sizes and an origin, but no orientation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.calibration import SPATIAL, Calibration

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack


def output_calibration(stack: Stack) -> Calibration:
    """Return sizes, units and origin of a stack; the origin is that of its affine, if it has one.

    An affine that rotates or mirrors gives no origin, as a position without the orientation is of
    no use.
    """
    calibration = stack.calibration
    if calibration.affine is None:
        return calibration
    origin = affine_origin(calibration.affine, calibration)
    steps = dict(calibration.steps)
    for axis, start in zip(SPATIAL, origin or (0.0, 0.0, 0.0), strict=True):
        if axis in steps:
            steps[axis] = replace(steps[axis], origin=start)
    return Calibration(steps)


def affine_origin(
    affine: NDArray[np.float64], calibration: Calibration
) -> tuple[float, float, float] | None:
    """Return the origin (z, y, x) of an affine that only scales and shifts, else None.

    Parameters
    ----------
    affine : NDArray[np.float64]
        Matrix (4, 4) from indices (z, y, x, 1) to world coordinates (x, y, z, 1).
    calibration : Calibration
        Step sizes that the affine should have.
    """
    rows = affine[[2, 1, 0]]
    sizes = [calibration.step(axis).size for axis in SPATIAL]
    present = [i for i, axis in enumerate(SPATIAL) if axis in calibration.steps]
    expected = np.diag(sizes)[:, present]
    if not np.allclose(rows[:, :3][:, present], expected, rtol=1e-4, atol=1e-6 * max(sizes)):
        return None
    z, y, x = (float(value) for value in rows[:, 3])
    return z, y, x
