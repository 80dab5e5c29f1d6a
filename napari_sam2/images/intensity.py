"""From raw values to the RGB picture that the model sees: the same rule for the whole stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

Limits = tuple[float, float]
Colour = tuple[float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0)
PRIMARIES: tuple[Colour, ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_CYCLE: tuple[Colour, ...] = (
    (0.0, 1.0, 0.0),
    (1.0, 0.0, 1.0),
    (0.0, 1.0, 1.0),
    (1.0, 1.0, 0.0),
    *PRIMARIES,
)
_TABLE_TYPES = ("bool", "uint8", "int8", "uint16", "int16")

CT_WINDOWS: dict[str, tuple[float, float]] = {
    "ct-abdomen": (50, 400),
    "ct-angio": (300, 600),
    "ct-bone": (400, 1800),
    "ct-brain": (40, 80),
    "ct-liver": (30, 150),
    "ct-lung": (-600, 1500),
    "ct-mediastinum": (50, 350),
    "ct-soft-tissue": (50, 400),
    "ct-spine": (50, 250),
    "ct-stroke": (40, 40),
    "ct-subdural": (75, 215),
    "ct-temporal-bone": (600, 2800),
}


@dataclass(frozen=True)
class Intensity:
    """Contrast limits, gamma and colour of each channel, fixed before any plane is shown.

    Nothing is taken from the plane that is converted, so equal values look equal on every frame.

    Parameters
    ----------
    limits : tuple of (float, float)
        For each channel the values shown as black and as full colour.
    gamma : tuple of float
        Exponent of each channel, as in napari; empty means 1 for all.
    colors : tuple of (float, float, float)
        Colour in 0..1 of each channel at its upper limit; channels are added. Empty means white
        for one channel, red, green and blue for RGB.
    origin : str
        Where the limits come from, in words for the user.

    Raises
    ------
    UserError
        If limits are not finite or not rising, gamma is not positive, or the numbers differ.
    """

    limits: tuple[Limits, ...]
    gamma: tuple[float, ...] = ()
    colors: tuple[Colour, ...] = ()
    origin: str = field(default="given", compare=False)

    def __post_init__(self) -> None:
        count = len(self.limits)
        object.__setattr__(self, "gamma", tuple(self.gamma) or (1.0,) * count)
        object.__setattr__(self, "colors", tuple(self.colors) or default_colors(count))
        if not count or len(self.gamma) != count or len(self.colors) != count:
            raise UserError(
                f"Contrast limits, gammas and colours must be one each per channel, not "
                f"{count}, {len(self.gamma)} and {len(self.colors)}."
            )
        for low, high in self.limits:
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise UserError(f"Contrast limits {low}, {high} must be finite, the first smaller.")
        if any(not 0 < g < 100 for g in self.gamma):
            raise UserError(f"Gamma must be positive, not {list(self.gamma)}.")

    @classmethod
    def window(cls, name: str, channels: int = 1) -> Intensity:
        """Return a standard CT window, in Hounsfield units.

        Levels and widths are those of Radiopaedia, "Windowing (CT)".

        Raises
        ------
        UserError
            If there is no such window.
        """
        key = name.strip().lower()
        if key not in CT_WINDOWS:
            raise UserError(
                f"There is no window {name!r}: use one of {', '.join(CT_WINDOWS)}, or contrast "
                "limits. MR has no standard window: leave it out and percentiles are taken."
            )
        level, width = CT_WINDOWS[key]
        limits = (level - width / 2, level + width / 2)
        return cls((limits,) * channels, origin=f"window {key}")

    @classmethod
    def sample(cls, stack: Stack, max_chunks: int = 32) -> Intensity:
        """Take robust percentiles once, from chunks spread over the stack.

        See :func:`napari_sam2.images.sampling.robust_limits`. RGB channels share their limits.

        Parameters
        ----------
        stack : Stack
            The input.
        max_chunks : int
            At most so many chunks are read.
        """
        from napari_sam2.images.sampling import robust_limits, sample_values

        values = sample_values(stack, max_chunks)
        if stack.rgb:
            limits: tuple[Limits, ...] = (robust_limits(np.concatenate(values)),) * 3
        else:
            limits = tuple(robust_limits(channel) for channel in values)
        return cls(limits, colors=default_colors(stack.n_channels, stack.rgb), origin="percentiles")

    def to_rgb(self, planes: NDArray[Any]) -> NDArray[np.uint8]:
        """Compose channels to a picture.

        Parameters
        ----------
        planes : NDArray
            (C, H, W) raw values. NaN is shown as the lower limit, infinities as the limits.

        Returns
        -------
        NDArray[np.uint8]
            (H, W, 3).

        Raises
        ------
        ValueError
            If the number of channels is not that of the limits.
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
        """Brightness in 0..1; small integers go through a table, which holds every value once."""
        if plane.dtype.name not in _TABLE_TYPES or plane.size < 1 << 8 * plane.dtype.itemsize:
            return self._curve(number, plane)
        bits = plane.view(f"u{plane.dtype.itemsize}")
        every = np.arange(1 << 8 * plane.dtype.itemsize, dtype=bits.dtype)
        values = every.astype(bool) if plane.dtype == bool else every.view(plane.dtype)
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


def default_colors(channels: int, rgb: bool | None = None) -> tuple[Colour, ...]:
    """Return white for one channel, else distinct colours; red, green and blue for RGB."""
    if channels == 1:
        return (WHITE,)
    if rgb or (rgb is None and channels == 3):
        return PRIMARIES
    return tuple(_CYCLE[i % len(_CYCLE)] for i in range(channels))


def choose_intensity(
    stack: Stack, contrast: Limits | Sequence[Limits] | None = None, window: str | None = None
) -> Intensity:
    """Take the user's limits, else a CT window by name, else what the data suggest.

    Parameters
    ----------
    stack : Stack
        The input.
    contrast : (float, float), or one such pair per channel, or None
        Limits, for all channels alike where one pair is given.
    window : str or None
        Name of a CT window.

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
    colors = default_colors(stack.n_channels, stack.rgb)
    if contrast is not None:
        return Intensity(_pairs(contrast, stack.n_channels), colors=colors)
    if window is not None:
        named = Intensity.window(window, stack.n_channels)
        return Intensity(named.limits, colors=colors, origin=named.origin)
    if stack.dtype in (np.uint8, np.bool_):
        top = 255.0 if stack.dtype == np.uint8 else 1.0
        full = ((0.0, top),) * stack.n_channels
        return Intensity(full, colors=colors, origin="the full range")
    return Intensity.sample(stack)


def _pairs(contrast: Limits | Sequence[Limits], channels: int) -> tuple[Limits, ...]:
    array = np.asarray(contrast, float)
    if array.shape == (2,):
        return ((float(array[0]), float(array[1])),) * channels
    if array.shape != (channels, 2):
        raise UserError(f"Give contrast as one pair LOW,HIGH, or {channels} pairs.")
    return tuple((float(low), float(high)) for low, high in array)
