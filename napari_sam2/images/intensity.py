"""Mapping of raw values to the RGB image that the model is shown, the same for all planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.contrast_limits.automatic import (
    AutomaticLimits,
    automatic_window,
    full_range,
    sampled_limits,
)
from napari_sam2.images.contrast_limits.ct_windows import AUTOMATIC, ct_window_limits
from napari_sam2.images.contrast_limits.sampling import MAX_CHUNKS

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

Limits = tuple[float, float]
Color = tuple[float, float, float]

WHITE: Color = (1.0, 1.0, 1.0)
PRIMARIES: tuple[Color, ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_COLORS: tuple[Color, ...] = (
    (0.0, 1.0, 0.0),
    (1.0, 0.0, 1.0),
    (0.0, 1.0, 1.0),
    (1.0, 1.0, 0.0),
    *PRIMARIES,
)
_TABLE_TYPES = ("bool", "uint8", "int8", "uint16", "int16")
"""Types that have so few values that a lookup table of all of them is small."""


@dataclass(frozen=True)
class Intensity:
    """Contrast limits, gamma and color of each channel.

    They are fixed for the whole stack, so equal values look equal on every frame.

    Parameters
    ----------
    limits : tuple of (float, float)
        Values shown as black and as full color, for each channel.
    gamma : tuple of float
        Exponent of each channel, as in napari; empty means 1 for all.
    colors : tuple of (float, float, float)
        RGB color in 0..1 of each channel at its upper limit; the channels are added. Empty means
        white for one channel; red, green and blue for three.
    origin : str
        Origin of the limits, for messages.
    notes : tuple of str
        Messages for the user about limits that were chosen for the data.

    Raises
    ------
    UserError
        If limits are not finite or not ascending, if a gamma is not positive, or if the numbers of
        limits, gammas and colors differ.
    """

    limits: tuple[Limits, ...]
    gamma: tuple[float, ...] = ()
    colors: tuple[Color, ...] = ()
    origin: str = field(default="given", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        count = len(self.limits)
        object.__setattr__(self, "gamma", tuple(self.gamma) or (1.0,) * count)
        object.__setattr__(self, "colors", tuple(self.colors) or default_colors(count))
        if not count or len(self.gamma) != count or len(self.colors) != count:
            raise UserError(
                "Give one pair of contrast limits, one gamma and one color per channel, not "
                f"{count}, {len(self.gamma)} and {len(self.colors)}."
            )
        for low, high in self.limits:
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise UserError(
                    f"Contrast limits {low}, {high} must be finite, and the first must be smaller."
                )
        if any(not 0 < g < 100 for g in self.gamma):
            raise UserError(f"Gamma must be positive, not {list(self.gamma)}.")

    @classmethod
    def window(cls, name: str, channels: int = 1) -> Intensity:
        """Return a standard CT window, the same for each channel.

        Parameters
        ----------
        name : str
            A key of :data:`napari_sam2.images.contrast_limits.ct_windows.CT_WINDOWS`, in any case.
        channels : int
            Number of channels.

        Raises
        ------
        UserError
            If there is no such window.
        """
        limits = ct_window_limits(name)
        return cls((limits,) * channels, origin=f"window {name.strip().lower()}")

    @classmethod
    def sample(cls, stack: Stack, max_chunks: int = MAX_CHUNKS) -> Intensity:
        """Return limits from percentiles of chunks that are spread over the stack.

        See :func:`napari_sam2.images.contrast_limits.limits.robust_limits`. Fill values do not
        count, and RGB channels share their limits.

        Parameters
        ----------
        stack : Stack
            The image.
        max_chunks : int
            Largest number of chunks that are read.
        """
        return _intensity(stack, sampled_limits(stack, max_chunks))

    def to_rgb(self, planes: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the RGB image of the channels of one plane.

        Parameters
        ----------
        planes : NDArray
            Raw values, (C, H, W). NaN is shown as the lower limit, infinities as the limits.

        Returns
        -------
        NDArray[np.uint8]
            RGB image, (H, W, 3).

        Raises
        ------
        ValueError
            If there are not as many channels as limits.
        """
        if planes.ndim != 3 or len(planes) != len(self.limits):
            raise ValueError(
                f"Got planes {planes.shape}, but limits for {len(self.limits)} channels."
            )
        if self._identity(planes.dtype):
            return _repeat(planes)
        if len(planes) == 1 and self.colors[0] == WHITE:
            return _repeat(_to_bytes(self._channel(0, planes[0]))[None])
        rgb = np.zeros((*planes.shape[1:], 3), np.float32)
        for number, plane in enumerate(planes):
            shown = self._channel(number, plane)
            for part, weight in enumerate(self.colors[number]):
                if weight:
                    rgb[..., part] += np.float32(weight) * shown
        return _to_bytes(rgb)

    def _identity(self, dtype: np.dtype[Any]) -> bool:
        plain = self.colors in ((WHITE,), PRIMARIES)
        whole = all(pair == (0, 255) for pair in self.limits)
        return dtype == np.uint8 and plain and whole and all(g == 1 for g in self.gamma)

    def _channel(self, number: int, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Return the brightness in 0..1; 8- and 16-bit integers by a lookup table."""
        if plane.dtype.name not in _TABLE_TYPES or plane.size < 1 << 8 * plane.dtype.itemsize:
            return self._curve(number, plane)
        bits = plane.view(f"u{plane.dtype.itemsize}")
        codes = np.arange(1 << 8 * plane.dtype.itemsize, dtype=bits.dtype)
        values = codes.astype(bool) if plane.dtype == bool else codes.view(plane.dtype)
        return np.asarray(self._curve(number, values)[bits], np.float32)

    def _curve(self, number: int, values: NDArray[Any]) -> NDArray[np.float32]:
        low, high = self.limits[number]
        exact = values.astype(np.float64)
        part = (
            np.clip(np.nan_to_num(exact, nan=low, posinf=high, neginf=low), low, high) - low
        ) / (high - low)
        return np.asarray(part ** self.gamma[number], np.float32)


def _repeat(planes: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(planes.transpose(1, 2, 0), (*planes.shape[1:], 3)))


def _to_bytes(shown: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.minimum(shown, 1) * 255 + 0.5).astype(np.uint8)


def default_colors(channels: int, rgb: bool | None = None) -> tuple[Color, ...]:
    """Return white for one channel, red, green and blue for RGB, else distinct colors."""
    if channels == 1:
        return (WHITE,)
    if rgb or (rgb is None and channels == 3):
        return PRIMARIES
    return tuple(_COLORS[i % len(_COLORS)] for i in range(channels))


def choose_intensity(
    stack: Stack, contrast: Limits | Sequence[Limits] | None = None, window: str | None = None
) -> Intensity:
    """Return the given limits, else those of a CT window, else limits chosen for the data.

    Parameters
    ----------
    stack : Stack
        The input.
    contrast : (float, float), or one such pair per channel, or None
        Limits, for all channels alike where one pair is given.
    window : str or None
        Name of a CT window; ``"auto"`` is the one that the file states, or that suits CT values.

    Returns
    -------
    Intensity
        8-bit and boolean data pass unchanged by default; others get robust percentiles, sampled
        once.

    Raises
    ------
    UserError
        If both are given, or the limits cannot be used.
    """
    if contrast is not None and window is not None:
        raise UserError("Give contrast limits or a window, not both.")
    if contrast is not None:
        return _intensity(stack, AutomaticLimits(_limit_pairs(contrast, stack.n_channels), "given"))
    if window is not None and window.strip().lower() == AUTOMATIC:
        return _intensity(stack, automatic_window(stack, MAX_CHUNKS))
    if window is not None:
        named = Intensity.window(window, stack.n_channels)
        return _intensity(stack, AutomaticLimits(named.limits, named.origin))
    if stack.dtype in (np.uint8, np.bool_):
        return _intensity(stack, full_range(stack))
    return Intensity.sample(stack)


def _intensity(stack: Stack, chosen: AutomaticLimits) -> Intensity:
    colors = default_colors(stack.n_channels, stack.rgb)
    return Intensity(chosen.limits, colors=colors, origin=chosen.origin, notes=chosen.notes)


def _limit_pairs(contrast: Limits | Sequence[Limits], channels: int) -> tuple[Limits, ...]:
    array = np.asarray(contrast, float)
    if array.shape == (2,):
        return ((float(array[0]), float(array[1])),) * channels
    if array.shape != (channels, 2):
        raise UserError(f"Give contrast as one pair LOW,HIGH, or {channels} pairs.")
    return tuple((float(low), float(high)) for low, high in array)
