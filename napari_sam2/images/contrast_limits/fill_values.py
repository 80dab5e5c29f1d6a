"""Fill values: values that mark pixels without data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CODE_GAP = 0.1
"""Gap below the other values, in multiples of their range, from which a usual code is a fill."""
_FAR = 16.0
"""Gap from which the others would share fewer than 16 of 256 gray levels."""
_ABSURD = 1e4
"""Gap that no image has between its background and its objects."""
_SHARES = (0.001, 0.5)
"""Shares of pixels between which another far value counts: fewer do not move percentiles, and
more are a background."""
_PERCENTILES = (0.001, 0.999)
_MIN_NINES = 3


@dataclass(frozen=True)
class FillValue:
    """A value of pixels without data.

    Parameters
    ----------
    value : float
        The value.
    share : float
        Share of the pixels that have it, 0 to 1.
    """

    value: float
    share: float


def find_fill_values(values: NDArray[Any], stated: Iterable[float] = ()) -> tuple[FillValue, ...]:
    """Return the values that mark pixels without data, in ascending order.

    These are the stated ones, and single values at either end that lie far from all others, in
    multiples of the range between the 0.1 and 99.9 percentiles of these others:

    - a usual code (extreme of the type, -9999 and other nines) if it lies a tenth of this range
      below, or 16 times this range above;
    - a value that 0.1 % to 50 % of the pixels have, if it lies 16 times this range below;
    - any value that lies 10,000 times this range away.

    Two values are an image of two values, so neither of them is a fill value.

    Parameters
    ----------
    values : NDArray
        Finite values, any shape, in the type of the image.
    stated : iterable of float
        Fill values that the file states.
    """
    levels, counts = np.unique(values, return_counts=True)
    total = int(counts.sum())
    marked = np.isin(levels.astype(np.float64), np.array(tuple(stated), np.float64))
    found = [*zip(levels[marked], counts[marked], strict=True)]
    levels, counts = levels[~marked], counts[~marked]
    while (end := _fill_end(levels, counts, total)) is not None:
        found.append((levels[end], counts[end]))
        levels, counts = np.delete(levels, end), np.delete(counts, end)
    return tuple(FillValue(float(v), float(n) / total) for v, n in sorted(found))


def without_fill_values(values: NDArray[Any], fills: Iterable[FillValue]) -> NDArray[Any]:
    """Return the other values; all values if nothing else is left."""
    rest = values[~np.isin(values, np.array([fill.value for fill in fills]).astype(values.dtype))]
    return rest if rest.size else values


def fill_note(fills: Iterable[FillValue]) -> str:
    """Return the message that fill values do not count for the contrast."""
    named = ", ".join(f"{fill.value:g} ({100 * fill.share:.2g} % of the pixels)" for fill in fills)
    return (
        f"The automatic contrast excludes fill values, which mark pixels without data: {named}. "
        "To include them, give limits: --contrast LO,HI (intensity= in Python, the contrast limits "
        "of the layer in napari)."
    )


def _fill_end(levels: NDArray[Any], counts: NDArray[Any], total: int) -> int | None:
    """Return 0 or -1 if the lowest or the highest value is a fill value, else None."""
    for end in (0, -1):
        if len(levels) > 2 and _is_fill(levels, counts, end, counts[end] / total):
            return end
    return None


def _is_fill(levels: NDArray[Any], counts: NDArray[Any], end: int, share: float) -> bool:
    exact = levels.astype(np.float64)
    others = exact[1:] if end == 0 else exact[:-1]
    gap = _distance_in_ranges(exact[end], others, counts[1:] if end == 0 else counts[:-1])
    if gap >= _ABSURD:
        return True
    if _is_code(float(exact[end]), levels.dtype):
        return gap >= (_CODE_GAP if end == 0 else _FAR)
    return end == 0 and gap >= _FAR and _SHARES[0] <= share <= _SHARES[1]


def _distance_in_ranges(
    value: np.float64, others: NDArray[np.float64], counts: NDArray[Any]
) -> float:
    """Return the distance to the nearest other value in multiples of the others' range."""
    portions = np.cumsum(counts) / counts.sum()
    low, high = others[np.searchsorted(portions, _PERCENTILES)]
    if low == high:
        low, high = others[0], others[-1]
    with np.errstate(over="ignore"):
        return float(np.min(np.abs(others[[0, -1]] - value)) / (high - low))


def _is_code(number: float, dtype: np.dtype[Any]) -> bool:
    """Return whether a value is the extreme of its type, or -9999, 99999 and the like.

    0 of unsigned types does not count, because it is also the usual background.
    """
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    extremes = float(info.min), float(info.max)
    digits = f"{abs(number):.0f}"
    nines = number == int(number) and len(digits) >= _MIN_NINES and set(digits) == {"9"}
    return number != 0 and (number in extremes or nines)
