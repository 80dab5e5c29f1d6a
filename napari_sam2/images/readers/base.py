"""The interface of readers: lazy arrays, with what the file states about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import Calibration

Key = tuple[int | slice, ...]
"""An integer or slice for each axis of an array."""


class LazyArray(Protocol):
    """An array whose values are read when they are indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the smallest block that can be read; None if single elements can."""

    def __getitem__(self, key: Key, /) -> NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class Source:
    """An opened input, as its reader returns it.

    Parameters
    ----------
    levels : tuple of LazyArray
        Pyramid levels with the same axes, full resolution first.
    name : str
        Short name for messages.
    axes : str or None
        One letter per axis in the order of the arrays, ``"?"`` for unknown ones; None if the file
        names none. Readers return the order of the file: :func:`napari_sam2.open_stack` turns
        the arrays into the order T, C, Z, Y, X, S.
    calibration : Calibration
        Pixel sizes, units, origin and orientation, where the file states them.
    files : tuple of Path
        Local files that hold the data; a run cannot be resumed after they change.
    notes : tuple of str
        Messages for the user about assumptions and about data that are not read.
    scenes : tuple of str
        Names of all images in the file, if it can hold several; empty otherwise.
    scene : str or None
        Name of the image that is open, one of ``scenes``.
    channel_names : tuple of str
        Name of each channel; empty if the file states none.
    significant_bits : int or None
        Number of bits that the values use, if the file states fewer than the type has.
    display_window : (float, float) or None
        Values that the file asks to be shown as black and as white.
    fill_value : float or None
        Value that the file states for pixels without data.
    native_axes : str or None
        Axes in the order of the file, set when the arrays are turned into another order.
    """

    levels: tuple[LazyArray, ...]
    name: str
    axes: str | None = None
    calibration: Calibration = field(default_factory=Calibration)
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    scene: str | None = None
    channel_names: tuple[str, ...] = ()
    significant_bits: int | None = None
    display_window: tuple[float, float] | None = None
    fill_value: float | None = None
    native_axes: str | None = None


def find_scene(scenes: tuple[str, ...], wanted: str | int, name: str) -> int:
    """Return the position of a scene that the user chose by name or by number.

    Parameters
    ----------
    scenes : tuple of str
        Names of all scenes of the file.
    wanted : str or int
        A name, or a number from 0; a text that is not a name may be a number.
    name : str
        The file, for messages.

    Raises
    ------
    UserError
        If there is no such scene, or if several have this name.
    """
    text = str(wanted).strip()
    if isinstance(wanted, str) and scenes.count(text) > 1:
        numbers = ", ".join(str(i) for i, scene in enumerate(scenes) if scene == text)
        raise UserError(f"{name} has several scenes {text!r}: choose by number ({numbers}).")
    if isinstance(wanted, str) and text in scenes:
        return scenes.index(text)
    if text.isdecimal() and int(text) < len(scenes):
        return int(text)
    if len(scenes) < 2:
        raise UserError(f"{name} holds one image, so there is no scene {text!r}: leave it out.")
    raise UserError(f"{name} has no scene {text!r}: choose one of {list_scenes(scenes)}.")


def list_scenes(scenes: tuple[str, ...], most: int = 8) -> str:
    """Return the first scenes with their numbers, for messages: ``"0 (left), 1 (right)"``."""
    shown = [f"{i} ({name})" if name else str(i) for i, name in enumerate(scenes[:most])]
    more = f", ... {len(scenes)} in all" if len(scenes) > most else ""
    return ", ".join(shown) + more


def scene_note(scenes: tuple[str, ...], opened: int, name: str) -> tuple[str, ...]:
    """Return a note that a file holds more scenes than the one opened; empty if it does not."""
    if len(scenes) < 2:
        return ()
    return (
        f"{name} holds {len(scenes)} images: {list_scenes(scenes)}. "
        f"{opened} ({scenes[opened]}) is read; choose another with --scene NAME|N "
        "(scene= in Python).",
    )


class FrameArray:
    """An array of frames that are decoded one by one; each frame is one chunk.

    Parameters
    ----------
    count : int
        Number of frames.
    frame_shape : tuple of int
        Shape of a frame.
    dtype : dtype
        Type of the values.
    load : callable
        Returns the frame of a number from 0 to ``count - 1``.
    """

    def __init__(
        self,
        count: int,
        frame_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        load: Callable[[int], NDArray[Any]],
    ) -> None:
        self.shape = (count, *frame_shape)
        self.dtype = dtype
        self.chunks = (1, *frame_shape)
        self._load = load

    def __getitem__(self, key: Key) -> NDArray[Any]:
        first, inside = key[0], key[1:]
        if isinstance(first, int):
            return self._frame(first)[inside]
        numbers = range(*first.indices(self.shape[0]))
        return np.stack([self._frame(number)[inside] for number in numbers])

    def _frame(self, number: int) -> NDArray[Any]:
        frame = self._load(number)
        if frame.shape != self.shape[1:]:
            raise ValueError(f"frame {number} has shape {frame.shape}, not {self.shape[1:]}")
        return frame


class PlaneGrid:
    """An array whose last axes are a plane that is read at once, for files of planes.

    Parameters
    ----------
    grid : tuple of int
        Lengths of the axes in front of the plane, e.g. time, channel and depth; may be empty.
    plane : tuple of int
        Shape of a plane, (Y, X) or (Y, X, S).
    dtype : dtype
        Type of the values.
    load : callable
        Returns the plane at a position in ``grid``.
    """

    def __init__(
        self,
        grid: tuple[int, ...],
        plane: tuple[int, ...],
        dtype: np.dtype[Any],
        load: Callable[[tuple[int, ...]], NDArray[Any]],
    ) -> None:
        self.shape = (*grid, *plane)
        self.dtype = dtype
        self.chunks = (*(1 for _ in grid), *plane)
        self._depth = len(grid)
        self._load = load

    def __getitem__(self, key: Key) -> NDArray[Any]:
        return self._read((), key[: self._depth], key[self._depth :])

    def _read(self, done: tuple[int, ...], rest: Key, inside: Key) -> NDArray[Any]:
        if not rest:
            return self._plane(done)[inside]
        first = rest[0]
        if isinstance(first, int):
            return self._read((*done, first), rest[1:], inside)
        numbers = range(*first.indices(self.shape[len(done)]))
        return np.stack([self._read((*done, number), rest[1:], inside) for number in numbers])

    def _plane(self, position: tuple[int, ...]) -> NDArray[Any]:
        plane = np.asarray(self._load(position))
        expected = self.shape[self._depth :]
        if plane.shape != expected:
            raise ValueError(f"plane {position} has shape {plane.shape}, not {expected}")
        return plane.astype(self.dtype, copy=False)
