"""Names of axes: parsing, checking, and guessing where a file names none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from napari_sam2.core.errors import UserError

KNOWN = "TCZYXS"
"""Axis letters, in the order that stacks, prompts, scores and labels have."""
CHANNEL_AXES = "CS"
PLANE_ORDER = "TZYX"
"""Axes that frames can lie along; the last two of the others form the plane."""
MAX_DIMENSIONS = 5
_PLANE_TO_CHANNELS = 8
"""Unnamed last axes are channels if both axes before are at least this many times as long."""
_MEANING = "T (time), C (channel), Z (depth), Y, X and S (RGB samples, last)"
_NAMES = {
    "T": ("t", "time", "frame", "frames"),
    "C": ("c", "channel", "channels", "ch", "band", "wavelength"),
    "Z": ("z", "depth", "slice", "plane"),
    "Y": ("y", "row", "rows", "height"),
    "X": ("x", "col", "column", "columns", "width"),
    "S": ("s", "sample", "samples", "rgb", "rgba"),
}
_LETTERS = {name: letter for letter, names in _NAMES.items() for name in names}
UNNAMED = "?"
"""Letter of an axis without a known name."""


def canonical(axes: str) -> str:
    """Return axes in the order that is used everywhere: T, C, Z, Y, X, S."""
    return "".join(sorted(axes, key=KNOWN.index))


def parse_axes(text: str, shape: tuple[int, ...]) -> str:
    """Return the axis letters given by a user, checked against the shape of an array.

    Parameters
    ----------
    text : str
        One letter per axis, in any case, e.g. ``"TCZYX"``.
    shape : tuple of int
        Shape of the array.

    Returns
    -------
    str
        The letters in upper case.

    Raises
    ------
    UserError
        If a letter is unknown or repeated, if Y or X is missing, or if the number of letters is not
        the number of dimensions.
    """
    axes = text.strip().upper()
    for letter in axes:
        if letter not in KNOWN:
            raise UserError(f"Axis {letter!r} in {text!r} is unknown: use {_MEANING}.")
        if axes.count(letter) > 1:
            raise UserError(f"Axis {letter!r} is repeated in {text!r}.")
    if len(axes) != len(shape):
        raise UserError(
            f"The axes {axes!r} name {len(axes)} dimensions, but the data have {len(shape)}: "
            f"shape {shape}."
        )
    _check_named(axes)
    return axes


def _check_named(axes: str) -> None:
    if missing := [letter for letter in "YX" if letter not in axes]:
        raise UserError(f"The axes {axes!r} lack {' and '.join(missing)}: a plane has Y and X.")
    if "C" in axes and "S" in axes:
        raise UserError(f"The axes {axes!r} name both channels (C) and RGB samples (S): use one.")
    if repeated := [letter for letter in KNOWN if axes.count(letter) > 1]:
        raise UserError(f"The axes {axes!r} repeat {repeated[0]}: give the axes, each letter once.")


def check_array(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    """Raise an error for arrays that are not image stacks.

    Raises
    ------
    UserError
        If the array has fewer than 2 or more than 5 dimensions, no pixels, or no real numbers.
    """
    if not 2 <= len(shape) <= MAX_DIMENSIONS:
        raise UserError(
            f"{name} has {len(shape)} dimension{'s' * (len(shape) != 1)} (shape {shape}); a stack "
            f"has 2 to {MAX_DIMENSIONS}, named with {_MEANING}."
        )
    if 0 in shape:
        raise UserError(f"{name} is empty: shape {shape}.")
    if dtype.kind == "c":
        raise UserError(
            f"{name} holds complex numbers: give their magnitude (abs), real or imaginary part."
        )
    if dtype.kind not in "buif":
        raise UserError(f"{name} holds {dtype}, not numbers: give integers, floats or booleans.")


def axes_from_names(names: Iterable[str]) -> str:
    """Return axis letters of dimension names, e.g. ``"TYX"`` for time, y, x; ``"?"`` if unknown."""
    return "".join(_LETTERS.get(str(name).strip().lower(), UNNAMED) for name in names)


def complete_axes(
    named: str | None, shape: tuple[int, ...], dtype: np.dtype[np.generic], along: str | None
) -> tuple[str, tuple[str, ...]]:
    """Return a letter for every axis; letters that the file does not give are guessed.

    Parameters
    ----------
    named : str or None
        Letters given by the file; those other than ``TCZYXS`` count as unnamed.
    shape, dtype
        Shape and type of the array.
    along : str or None
        The axis to propagate along; an unnamed leading axis is assumed to be this one.

    Returns
    -------
    axes : str
        One letter of ``TCZYXS`` per dimension.
    notes : tuple of str
        A message for the user about guesses; empty if there are none.
    """
    known = "".join(a if a in KNOWN else UNNAMED for a in named or UNNAMED * len(shape))
    if len(known) != len(shape):
        known = UNNAMED * len(shape)
    if UNNAMED not in known:
        _check_named(known)
        return known, ()
    axes = _fill_unnamed(known, shape, dtype, (along or "").upper())
    _check_named(axes)
    return axes, (
        f"The data do not name their axes: shape {shape} is read as {axes}. "
        "Give the axes if this is wrong.",
    )


def _fill_unnamed(
    known: str, shape: tuple[int, ...], dtype: np.dtype[np.generic], along: str
) -> str:
    letters = list(known)
    if set(known) == {UNNAMED}:
        tail = _unnamed_tail(shape, dtype)
        letters[-len(tail) :] = tail
    free = [i for i, letter in enumerate(letters) if letter == UNNAMED]
    for i, letter in zip(free, _candidates(letters, [shape[i] for i in free], along), strict=True):
        letters[i] = letter
    return "".join(letters)


def _unnamed_tail(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> str:
    """Return YXS or YXC where the last axis is too short for columns, else YX."""
    if len(shape) < 3:
        return "YX"
    shortest, last = min(shape[-3:-1]), shape[-1]
    if last in (3, 4) and dtype == np.uint8 and shortest > 4:
        return "YXS"
    return "YXC" if last > 1 and shortest >= _PLANE_TO_CHANNELS * last else "YX"


def _candidates(letters: list[str], lengths: list[int], along: str) -> str:
    needed = [a for a in "YX" if a not in letters]
    unused = [a for a in "TZC" if a not in letters and not (a == "C" and "S" in letters)]
    if not len(needed) <= len(lengths) <= len(needed) + len(unused):
        raise UserError(f"The data name only some axes ({''.join(letters)}): give all of them.")
    lengths = lengths[: len(lengths) - len(needed)]
    few_channels = len(lengths) == 2 and lengths[1] <= 4 and "C" in unused
    if along in unused:
        unused.remove(along)
        unused.insert(0, along)
    chosen = [unused[0], "C"] if few_channels else unused[: len(lengths)]
    return "".join(sorted(chosen, key="TCZ".index) + needed)


def parse_at(items: Iterable[str] | Mapping[str, int] | None) -> dict[str, int]:
    """Return fixed positions by lower-case axis, parsed from strings such as ``"z=3"``.

    Raises
    ------
    UserError
        If a string is not ``axis=number``, or an axis is repeated.
    """
    if items is None:
        return {}
    if isinstance(items, Mapping):
        return {str(axis).lower(): int(position) for axis, position in items.items()}
    pairs = [item.partition("=") for item in items]
    for axis, _, position in pairs:
        if len(axis.strip()) != 1 or not position.strip().isdigit():
            raise UserError(f"'{axis}={position}' is not a position: write for example z=3.")
    letters = [axis.strip().lower() for axis, _, _ in pairs]
    if repeated := [axis for axis in letters if letters.count(axis) > 1]:
        raise UserError(f"The position on axis {repeated[0]} is given twice. Keep one of them.")
    return {axis.strip().lower(): int(position) for axis, _, position in pairs}
