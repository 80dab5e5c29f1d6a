"""Which axis is what: from frames and windows to slices of the array, and nothing read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.axes import CHANNEL_AXES, PLANE_ORDER

Slices = tuple[int | slice, ...]


@dataclass(frozen=True)
class AxisLayout:
    """Axes of an array, with one to propagate along, two in the plane and the others fixed.

    Parameters
    ----------
    axes : str
        One upper-case letter per dimension, e.g. ``"TCZYX"``.
    lengths : tuple of int
        Shape of the array.
    along : str
        Upper-case axis of the frames; one that the array lacks means a single frame.
    fixed : tuple of (str, int)
        Positions on the axes that are neither frames, plane nor channels.
    channels : tuple of int
        Positions on the channel axis that are read, in order.
    """

    axes: str
    lengths: tuple[int, ...]
    along: str
    fixed: tuple[tuple[str, int], ...] = ()
    channels: tuple[int, ...] = (0,)

    @cached_property
    def channel_axis(self) -> str | None:
        """``"C"``, ``"S"`` or None."""
        return next((axis for axis in self.axes if axis in CHANNEL_AXES), None)

    @cached_property
    def label_axes(self) -> str:
        """The array's axes without channels, in the array's order."""
        return "".join(axis for axis in self.axes if axis not in CHANNEL_AXES)

    @cached_property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of a label array for this input."""
        return tuple(self.length(axis) for axis in self.label_axes)

    @cached_property
    def plane(self) -> tuple[str, str]:
        """The plane's (row, column) axes: the last two of T, Z, Y, X that are not frames."""
        rest = [a for a in PLANE_ORDER if a in self.label_axes and a != self.along]
        return rest[-2], rest[-1]

    @cached_property
    def index_axes(self) -> str:
        """Axes of a full index, in array order: neither in the plane nor channels."""
        return "".join(axis for axis in self.label_axes if axis not in self.plane)

    @cached_property
    def transposed(self) -> bool:
        """Whether the array stores columns before rows, e.g. axes ``"XYZ"`` along z."""
        row, column = self.plane
        return self.axes.index(row) > self.axes.index(column)

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width of a plane in pixels."""
        return self.length(self.plane[0]), self.length(self.plane[1])

    @property
    def frames(self) -> int:
        """Number of planes along the propagated axis."""
        return self.length(self.along) if self.along in self.axes else 1

    def length(self, axis: str) -> int:
        """Return the length of one axis."""
        return self.lengths[self.axes.index(axis)]

    def index(self, frame: int) -> PlaneIndex:
        """Return the full index of a frame.

        Raises
        ------
        IndexError
            If there is no such frame.
        """
        if not 0 <= frame < self.frames:
            raise IndexError(f"Frame {frame} is outside 0..{self.frames - 1}.")
        positions = {**dict(self.fixed), self.along: frame}
        return tuple(positions[axis] for axis in self.index_axes)

    def check_index(self, index: PlaneIndex) -> None:
        """Raise IndexError unless ``index`` addresses a plane."""
        lengths = tuple(self.length(axis) for axis in self.index_axes)
        inside = all(0 <= i < n for i, n in zip(index, lengths, strict=False))
        if len(index) != len(lengths) or not inside:
            raise IndexError(
                f"Index {index} is outside axes {self.index_axes.lower()} of lengths {lengths}."
            )

    def slices(self, index: PlaneIndex, window: Window, channels: slice) -> Slices:
        """Return what to ask of the array for a window of one plane."""
        wanted: dict[str, int | slice] = dict(zip(self.index_axes, index, strict=True))
        wanted.update(zip(self.plane, window.slices, strict=True))
        if self.channel_axis:
            wanted[self.channel_axis] = channels
        return tuple(wanted[axis] for axis in self.axes)

    def planes(self, block: NDArray[Any]) -> NDArray[Any]:
        """Return what :meth:`slices` fetched as (C, H, W)."""
        kept = [axis for axis in self.axes if axis not in self.index_axes]
        if self.channel_axis is None:
            return self.oriented(block)[None]
        order = [kept.index(axis) for axis in (self.channel_axis, *self.plane)]
        return block.transpose(order)

    def oriented(self, crop: NDArray[Any]) -> NDArray[Any]:
        """Turn a crop in array order to (row, column), or back: the same either way."""
        return crop.T if self.transposed else crop

    def label_slices(self, index: PlaneIndex, window: Window) -> Slices:
        """Return where a window of one plane lies in the label array."""
        wanted: dict[str, int | slice] = dict(zip(self.index_axes, index, strict=True))
        wanted.update(zip(self.plane, window.slices, strict=True))
        return tuple(wanted[axis] for axis in self.label_axes)

    def channel_runs(self) -> tuple[slice, ...]:
        """Return the channels as slices, so that no other channel is read."""
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
    """Choose frames, plane and channels.

    Parameters
    ----------
    axes, lengths
        Names and shape of the array.
    along : str or None
        Axis of the frames, any case; None takes T, else Z.
    at : mapping of str to int
        Lower-case axis to its fixed position; others are fixed at 0.
    channels : tuple of int or None
        None takes all (three of an RGB or RGBA image).

    Returns
    -------
    layout : AxisLayout
    notes : tuple of str
        What was assumed.

    Raises
    ------
    UserError
        If an axis or position does not exist.
    """
    chosen = _frames_axis(axes, lengths, along)
    bare = AxisLayout(axes, lengths, chosen)
    fixed, notes = _fix(bare, at)
    picked = _pick_channels(bare, channels)
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
    notes = tuple(
        f"Axis {a.lower()} is fixed at 0 of 0..{layout.length(a) - 1}: "
        f"choose another with at {a.lower()}=N."
        for a in free
        if a.lower() not in at and layout.length(a) > 1
    )
    return tuple((axis, at.get(axis.lower(), 0)) for axis in free), notes


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
        colour = count if layout.channel_axis == "C" else (3 if count in (3, 4) else 1)
        return tuple(range(colour))
    if not channels or len(set(channels)) != len(channels):
        raise UserError(f"Channels {list(channels)} must name at least one, none twice.")
    if bad := [c for c in channels if not 0 <= c < count]:
        raise UserError(f"Channel {bad[0]} is outside 0..{count - 1}: the data are {layout.axes}.")
    return tuple(channels)
