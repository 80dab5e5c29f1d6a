"""Contrast limits chosen for a stack, with messages about the choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import StackReadError
from napari_sam2.images.contrast_limits.ct_windows import (
    AUTOMATIC,
    CT_WINDOWS,
    DEFAULT_WINDOW,
    ct_window_limits,
    is_ct,
)
from napari_sam2.images.contrast_limits.fill_values import (
    FillValue,
    fill_note,
    find_fill_values,
    without_fill_values,
)
from napari_sam2.images.contrast_limits.limits import gray_level_note, robust_limits
from napari_sam2.images.contrast_limits.sampling import sample_values

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

_CHUNKS_OF_FULL_RANGE = 4
"""Number of chunks that are read to check limits that do not depend on the values."""


@dataclass(frozen=True)
class AutomaticLimits:
    """Contrast limits and where they come from.

    Parameters
    ----------
    limits : tuple of (float, float)
        Values shown as black and as white, for each channel.
    origin : str
        Origin of the limits, for messages.
    notes : tuple of str
        Messages for the user.
    """

    limits: tuple[tuple[float, float], ...]
    origin: str
    notes: tuple[str, ...] = ()


def full_range(stack: Stack) -> AutomaticLimits:
    """Return the limits of 8-bit and boolean data: they pass unchanged.

    Parameters
    ----------
    stack : Stack
        The image; at most 4 chunks are read, to find out whether few gray levels are used. The
        limits do not depend on them, so chunks that cannot be read are no error here.
    """
    if stack.dtype == np.bool_:
        return AutomaticLimits(((0.0, 1.0),) * stack.n_channels, "the full range")
    limits = ((0.0, 255.0),) * stack.n_channels
    try:
        values = sample_values(stack, _CHUNKS_OF_FULL_RANGE)
    except StackReadError:
        return AutomaticLimits(limits, "the full range")
    return AutomaticLimits(limits, "the full range", _gray_level_notes(values, limits))


def sampled_limits(stack: Stack, max_chunks: int) -> AutomaticLimits:
    """Return limits from percentiles of sampled values, without fill values.

    Parameters
    ----------
    stack : Stack
        The image. RGB channels share their limits.
    max_chunks : int
        Largest number of chunks that are read.
    """
    values, fills = _sample(stack, max_chunks)
    limits = tuple(robust_limits(channel) for channel in values)
    if stack.rgb:
        limits = (robust_limits(np.concatenate(values)),) * len(values)
    notes = (fill_note(fills),) if fills else ()
    return AutomaticLimits(
        limits,
        "percentiles",
        (*notes, *_window_notes(stack, values), *_gray_level_notes(values, limits)),
    )


def automatic_window(stack: Stack, max_chunks: int) -> AutomaticLimits:
    """Return the window that the file states, else one for CT values, else sampled limits.

    Parameters
    ----------
    stack : Stack
        The image.
    max_chunks : int
        Largest number of chunks that are read.
    """
    stated = stack.source.display_window
    if stated is not None:
        return AutomaticLimits((stated,) * stack.n_channels, "window of the file")
    values, _ = _sample(stack, max_chunks)
    if any(map(is_ct, values)):
        limits = (ct_window_limits(DEFAULT_WINDOW),) * stack.n_channels
        note = f"The values are those of a CT: the window {DEFAULT_WINDOW} is used."
        return AutomaticLimits(limits, f"window {DEFAULT_WINDOW}", (note,))
    sampled = sampled_limits(stack, max_chunks)
    note = (
        "The file states no display window and the values are not those of a CT, so the contrast "
        "limits are percentiles."
    )
    return AutomaticLimits(sampled.limits, sampled.origin, (note, *sampled.notes))


def suggested_window(stack: Stack) -> AutomaticLimits | None:
    """Return the window of :func:`automatic_window`; None if neither file nor values state one.

    Parameters
    ----------
    stack : Stack
        The image; at most 4 chunks are read.
    """
    if stack.dtype in (np.uint8, np.bool_):
        return None
    chosen = automatic_window(stack, _CHUNKS_OF_FULL_RANGE)
    return None if chosen.origin == "percentiles" else chosen


def _sample(stack: Stack, max_chunks: int) -> tuple[list[NDArray[Any]], list[FillValue]]:
    """Return the values of each channel without fill values, and the fill values of all."""
    stated = () if stack.source.fill_value is None else (stack.source.fill_value,)
    values, found = [], {}
    for channel in sample_values(stack, max_chunks):
        fills = find_fill_values(channel, stated)
        values.append(without_fill_values(channel, fills))
        found.update({fill.value: fill for fill in fills})
    return values, list(found.values())


def _window_notes(stack: Stack, values: list[NDArray[Any]]) -> tuple[str, ...]:
    stated = stack.source.display_window
    if stated is not None:
        return (
            f"The file states a display window of {stated[0]:g} to {stated[1]:g}: use it with "
            f"--window {AUTOMATIC} (in napari, set the contrast limits of the layer).",
        )
    if not any(map(is_ct, values)):
        return ()
    low, high = ct_window_limits(DEFAULT_WINDOW)
    return (
        "The values are those of a CT, and without a window soft tissue gets few gray levels. "
        f"Use --window {AUTOMATIC} ({DEFAULT_WINDOW}, {low:g} to {high:g}) or another window: "
        f"{', '.join(CT_WINDOWS)}. In napari, press Use the CT window.",
    )


def _gray_level_notes(
    values: list[NDArray[Any]], limits: tuple[tuple[float, float], ...]
) -> tuple[str, ...]:
    notes = (gray_level_note(*pair) for pair in zip(values, limits, strict=True))
    return tuple(dict.fromkeys(note for note in notes if note is not None))
