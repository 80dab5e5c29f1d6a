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
