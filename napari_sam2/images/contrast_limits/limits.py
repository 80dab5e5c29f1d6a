"""Contrast limits from sampled values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_PERCENTILES = (0.1, 50, 99.9)
_BRIGHT = 3.0
"""Values this many times the percentile range above the lower limit are bright objects."""
_MAX_SKEW = 4.0
"""Largest ratio of the ranges above and below the median of a pure background."""
_BRIGHT_SHARE = 2e-5
_MIN_BRIGHT_VALUES = 8


FEW_GRAY_LEVELS = 16
"""Fewer gray levels than this for 99 % of the pixels are worth a message."""
_CENTRAL = (0.5, 99.5)


def gray_level_note(values: NDArray[Any], limits: tuple[float, float]) -> str | None:
    """Return a message if 99 % of the pixels get fewer than 16 of 256 gray levels, else None.

    Parameters
    ----------
    values : NDArray
        Finite values without fill values, any shape.
    limits : (float, float)
        Values shown as black and as white.
    """
    if not values.size:
        return None
    low, high = limits
    span = np.clip(np.percentile(values.astype(np.float64), _CENTRAL), low, high)
    levels = int(255 * float(span[1] - span[0]) / (high - low)) + 1
    if span[0] == span[1] or levels >= FEW_GRAY_LEVELS:
        return None
    return (
        f"99 % of the pixels share {levels} of 256 gray levels, because the contrast limits are "
        f"{low:g} and {high:g}. If the objects are among these pixels, give closer limits: "
        "--contrast LO,HI (intensity= in Python, the contrast limits of the layer in napari)."
    )


def robust_limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return contrast limits that ignore a few hot pixels but include rare bright objects.

    The limits are the 0.1 and 99.9 percentiles, with two exceptions. If these percentiles span
    only background (a range above the median similar to that below) and more than 2 in 100,000
    values lie far above, there are objects that cover less than a thousandth of the image, and
    the upper limit is the 90 percentile of those values. If the percentiles are equal (a constant
    background), the limits come from the values that differ from it.

    Parameters
    ----------
    values : NDArray
        Finite values, any shape.

    Returns
    -------
    tuple of float
        (low, high) with low < high; (v, v + 1) if all values are v, (0, 1) without values.
    """
    if not values.size:
        return 0.0, 1.0
    exact = values.astype(np.float64, copy=False).ravel()
    low, middle, high = (float(v) for v in np.percentile(exact, _PERCENTILES))
    if low == high:
        return _limits_of_foreground(exact, low)
    bright = exact[exact > high + (_BRIGHT - 1) * (high - low)]
    background = high - middle <= _MAX_SKEW * (middle - low)
    if background and bright.size >= max(_MIN_BRIGHT_VALUES, _BRIGHT_SHARE * exact.size):
        high = float(np.percentile(bright, 90))
    return low, high


def _limits_of_foreground(values: NDArray[np.float64], background: float) -> tuple[float, float]:
    others = values[values != background]
    if not others.size:
        return background, background + max(1.0, abs(background) * 1e-6)
    low, high = (float(v) for v in np.percentile(others, (1, 99)))
    return min(low, background), max(high, background)
