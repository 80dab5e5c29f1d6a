"""Roles of the axes of an array, and the slices that address planes and windows in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.axes import CHANNEL_AXES, PLANE_ORDER

Slices = tuple[int | slice, ...]
"""An integer or slice for each axis of an array."""


@dataclass(frozen=True)
class AxisLayout:
    """Roles of the axes of an array: frames, plane, channels, and axes at fixed positions.

    Parameters
    ----------
    axes : str
        One upper-case letter per dimension, in the order of ``"TCZYXS"``.
    lengths : tuple of int
        Shape of the array.
    along : str
        Upper-case axis of the frames; if the array lacks it, there is a single frame.
    fixed : tuple of (str, int)
        Positions on the axes that are neither frames nor plane nor channels.
    channels : tuple of int
        Positions on the channel axis that are read, in this order.
    """

    axes: str
    lengths: tuple[int, ...]
    along: str
    fixed: tuple[tuple[str, int], ...] = ()
    channels: tuple[int, ...] = (0,)

    @cached_property
    def channel_axis(self) -> str | None:
        """Axis of the channels: ``"C"``, ``"S"`` (RGB samples) or None."""
        return next((axis for axis in self.axes if axis in CHANNEL_AXES), None)

    @cached_property
    def label_axes(self) -> str:
        """Axes of the array without channels."""
        return "".join(axis for axis in self.axes if axis not in CHANNEL_AXES)

    @cached_property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of a label array for the whole input."""
        return tuple(self.length(axis) for axis in self.label_axes)

    @cached_property
    def plane(self) -> tuple[str, str]:
        """Axes of rows and columns: the last two of T, Z, Y, X that are not frames."""
        rest = [a for a in PLANE_ORDER if a in self.label_axes and a != self.along]
        return rest[-2], rest[-1]

    @cached_property
    def index_axes(self) -> str:
        """Axes of a plane index, in array order: neither in the plane nor channels."""
        return "".join(axis for axis in self.label_axes if axis not in self.plane)

    @cached_property
    def index_lengths(self) -> tuple[int, ...]:
        """Lengths of :attr:`index_axes`."""
        return tuple(self.length(axis) for axis in self.index_axes)

    @cached_property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width of a plane in pixels."""
        return self.length(self.plane[0]), self.length(self.plane[1])

    @cached_property
    def n_frames(self) -> int:
        """Number of planes along the propagated axis."""
        return self.length(self.along) if self.along in self.axes else 1

    def length(self, axis: str) -> int:
        """Return the length of one axis."""
        return self.lengths[self.axes.index(axis)]

    def index(self, frame: int) -> PlaneIndex:
        """Return the plane index of a frame, with the other axes at their fixed positions.

        Raises
        ------
        IndexError
            If the frame is outside ``0 .. n_frames - 1``.
        """
        if not 0 <= frame < self.n_frames:
            raise IndexError(f"Frame {frame} is outside 0..{self.n_frames - 1}.")
        positions = {**dict(self.fixed), self.along: frame}
        return tuple(positions[axis] for axis in self.index_axes)

    def check_index(self, index: PlaneIndex) -> None:
        """Raise IndexError unless ``index`` addresses a plane."""
        lengths = self.index_lengths
        inside = all(0 <= i < n for i, n in zip(index, lengths, strict=False))
        if len(index) != len(lengths) or not inside:
            raise IndexError(
                f"Index {index} is outside axes {self.index_axes.lower()} of lengths {lengths}."
            )

    def image_slices(self, index: PlaneIndex, window: Window) -> tuple[Slices, ...]:
        """Return the slices of a window of one plane in the array, by run of adjacent channels.

        Raises
        ------
        IndexError
            If there is no such plane.
        """
        keys = self._keys(index, window)
        if self.channel_axis is None:
            return (tuple(keys[axis] for axis in self.axes),)
        return tuple(
            tuple(channels if axis == self.channel_axis else keys[axis] for axis in self.axes)
            for channels in self._channel_slices
        )

    def label_slices(self, index: PlaneIndex, window: Window) -> Slices:
        """Return the slices of a window of one plane in the label array.

        Raises
        ------
        IndexError
            If there is no such plane.
        """
        keys = self._keys(index, window)
        return tuple(keys[axis] for axis in self.label_axes)

    def to_planes(self, block: NDArray[Any]) -> NDArray[Any]:
        """Return a block read with :meth:`image_slices` as (C, h, w)."""
        if self.channel_axis is None:
            return block[None]
        kept = [axis for axis in self.axes if axis not in self.index_axes]
        return np.moveaxis(block, kept.index(self.channel_axis), 0)

    def _keys(self, index: PlaneIndex, window: Window) -> dict[str, int | slice]:
        self.check_index(index)
        keys: dict[str, int | slice] = dict(zip(self.index_axes, index, strict=True))
        keys.update(zip(self.plane, window.slices, strict=True))
        return keys

    @cached_property
    def _channel_slices(self) -> tuple[slice, ...]:
        """The channels as slices, so that no other channel is read."""
        runs: list[slice] = []
        for channel in self.channels:
            if runs and runs[-1].stop == channel:
                runs[-1] = slice(runs[-1].start, channel + 1)
            else:
                runs.append(slice(channel, channel + 1))
        return tuple(runs)


def choose_layout(
    axes: str,
    lengths: tuple[int, ...],
    along: str | None,
    at: Mapping[str, int],
    channels: tuple[int, ...] | None,
) -> tuple[AxisLayout, tuple[str, ...]]:
    """Return the layout of an array, and notes for the user about the choices made.

    Parameters
    ----------
    axes, lengths
        Axis letters and shape of the array.
    along : str or None
        Axis of the frames, in any case; None chooses T, else Z.
    at : mapping of str to int
        Fixed positions by lower-case axis; axes not given are fixed at 0.
    channels : tuple of int or None
        Channels to read; None reads all (three of an RGB or RGBA image).

    Returns
    -------
    layout : AxisLayout
    notes : tuple of str
        Which axes were fixed at 0.

    Raises
    ------
    UserError
        If an axis, position or channel does not exist.
    """
    chosen = _frames_axis(axes, lengths, along)
    roles = AxisLayout(axes, lengths, chosen)
    fixed, notes = _fix(roles, at)
    picked = _pick_channels(roles, channels)
    return AxisLayout(axes, lengths, chosen, fixed, picked), notes


def _frames_axis(axes: str, lengths: tuple[int, ...], along: str | None) -> str:
    stackable = [axis for axis in PLANE_ORDER if axis in axes]
    if along is None:
        long = [a for a in "TZ" if a in axes and lengths[axes.index(a)] > 1]
        return next(iter([*long, *(a for a in "TZ" if a in axes), "T"]))
    wanted = along.strip().upper()
    if wanted in stackable and len(stackable) > 2:
        return wanted
    if wanted in ("T", "Z") and len(stackable) == 2:
        return wanted
    allowed = ", ".join(stackable if len(stackable) > 2 else ["T", "Z"]).lower()
    raise UserError(
        f"Cannot go along {along!r}: the data have axes {axes}, so use one of {allowed}"
        f"{_channel_hint(axes)}."
    )


def _channel_hint(axes: str) -> str:
    named = next((axis for axis in axes if axis in CHANNEL_AXES), None)
    return f", or give other axes if {named} is not the channel axis" if named else ""


def _fix(
    layout: AxisLayout, at: Mapping[str, int]
) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
    free = [axis for axis in layout.index_axes if axis != layout.along]
    for axis, position in at.items():
        _check_position(layout, free, axis, position)
    notes = position_notes(layout, [axis for axis in free if axis.lower() not in at])
    return tuple((axis, at.get(axis.lower(), 0)) for axis in free), notes


def position_notes(layout: AxisLayout, axes: Iterable[str]) -> tuple[str, ...]:
    """Return the notes on axes that are fixed at 0, as no position on them was given."""
    return tuple(
        f"Axis {axis.lower()} is fixed at 0 of 0..{layout.length(axis) - 1}: "
        f"choose another position with at {axis.lower()}=N."
        for axis in axes
        if layout.length(axis) > 1
    )


def _check_position(layout: AxisLayout, free: list[str], axis: str, position: int) -> None:
    if axis.upper() not in free:
        role = {layout.along: "is the propagated axis", layout.channel_axis: "holds channels"}
        why = role.get(axis.upper()) or (
            "lies in the plane" if axis.upper() in layout.plane else "does not exist"
        )
        choice = f"; {', '.join(free).lower()} can be" if free else ""
        raise UserError(
            f"Cannot fix {axis}={position}: axis {axis} {why} in {layout.axes} "
            f"along {layout.along.lower()}{choice}."
        )
    if not 0 <= position < layout.length(axis.upper()):
        last = layout.length(axis.upper()) - 1
        raise UserError(f"Position {axis}={position} is outside 0..{last}.")


def _pick_channels(layout: AxisLayout, channels: tuple[int, ...] | None) -> tuple[int, ...]:
    count = layout.length(layout.channel_axis) if layout.channel_axis else 1
    if channels is None:
        read = count if layout.channel_axis == "C" else (3 if count in (3, 4) else 1)
        return tuple(range(read))
    if not channels or len(set(channels)) != len(channels):
        raise UserError(f"Channels {list(channels)}: give at least one channel, and none twice.")
    if bad := [c for c in channels if not 0 <= c < count]:
        raise UserError(f"Channel {bad[0]} is outside 0..{count - 1}: the data are {layout.axes}.")
    return tuple(channels)
