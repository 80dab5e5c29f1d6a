"""Choice of one image among those of a microscope's file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.readers.base import Key, LazyArray, Source, find_scene, scene_note

_KNOWN_AXES = "TCZYXS"


@dataclass(frozen=True, eq=False)
class FileImage:
    """One image of a file.

    Parameters
    ----------
    name : str
        Name of the image; may be empty.
    axes : str
        One letter per axis of the array. Each position on an axis other than T, C, Z, Y, X and S,
        e.g. a tile or an angle, becomes a scene.
    levels : tuple of LazyArray
        The pixels: pyramid levels with the same axes, full resolution first.
    calibration : Calibration
        Pixel sizes and time interval.
    channel_names : tuple of str
        Name of each channel; empty if unknown.
    significant_bits : int or None
        Number of bits that the values use, if known.
    notes : tuple of str
        Messages for the user about this image.
    """

    name: str
    axes: str
    levels: tuple[LazyArray, ...]
    calibration: Calibration = field(default_factory=Calibration)
    channel_names: tuple[str, ...] = ()
    significant_bits: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FixedAxes:
    """An array at fixed positions on some of its axes.

    Parameters
    ----------
    array : LazyArray
        The whole array.
    positions : tuple of int or None
        The fixed position on each axis, None for axes that are kept.
    """

    array: LazyArray
    positions: tuple[int | None, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that are kept."""
        return self._kept(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.array.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Chunk lengths of the axes that are kept."""
        return None if self.array.chunks is None else self._kept(self.array.chunks)

    def _kept(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        pairs = zip(lengths, self.positions, strict=True)
        return tuple(length for length, position in pairs if position is None)

    def __getitem__(self, key: Key) -> NDArray[Any]:
        rest = iter(key)
        return self.array[tuple(next(rest) if p is None else p for p in self.positions)]


@dataclass(frozen=True, eq=False)
class _Scene:
    image: FileImage
    positions: tuple[int | None, ...]
    name: str

    @property
    def axes(self) -> str:
        pairs = zip(self.image.axes, self.positions, strict=True)
        return "".join(axis for axis, position in pairs if position is None)

    @property
    def planes(self) -> int:
        pairs = zip(self.axes, FixedAxes(self.image.levels[0], self.positions).shape, strict=True)
        return int(np.prod([n for axis, n in pairs if axis not in "YXSC"]))


def select_image(
    images: Sequence[FileImage], scene: str | int | None, path: Path, notes: tuple[str, ...] = ()
) -> Source:
    """Return the chosen image of a file; without a choice the one with the most planes.

    Parameters
    ----------
    images : sequence of FileImage
        All images of the file.
    scene : str, int or None
        Name or number (from 0) of the image.
    path : Path
        The file.
    notes : tuple of str
        Messages for the user about the file.

    Raises
    ------
    UserError
        If the file holds no image, or not this one.
    """
    found = [entry for image in images for entry in _scenes(image)]
    if not found:
        raise UserError(f"{path.name} holds no images.")
    names = tuple(entry.name or str(number) for number, entry in enumerate(found))
    if scene is None:
        sizes = [entry.planes for entry in found]
        number = sizes.index(max(sizes))
        notes += scene_note(names, number, path.name)
    else:
        number = find_scene(names, scene, path.name)
    chosen, image = found[number], found[number].image
    levels: tuple[LazyArray, ...] = tuple(
        FixedAxes(level, chosen.positions) for level in image.levels
    )
    return Source(
        levels,
        path.name,
        chosen.axes,
        image.calibration,
        (path,) if path.is_file() else (),
        notes + image.notes,
        scenes=names,
        scene=names[number],
        channel_names=image.channel_names if "C" in chosen.axes else (),
        significant_bits=image.significant_bits,
    )


def _scenes(image: FileImage) -> Iterator[_Scene]:
    """Return one scene for each position on the axes that a stack cannot have."""
    lengths = image.levels[0].shape
    extra = [i for i, axis in enumerate(image.axes) if axis not in _KNOWN_AXES]
    for place in product(*(range(lengths[i]) for i in extra)):
        positions: list[int | None] = [None] * len(lengths)
        parts = [image.name] if image.name else []
        for axis, position in zip(extra, place, strict=True):
            positions[axis] = position
            if lengths[axis] > 1:
                parts.append(f"{image.axes[axis]}{position}")
        yield _Scene(image, tuple(positions), " ".join(parts))


def missing_library(kind: str, library: str, extra: str = "microscopy") -> UserError:
    """Return the error for a file whose library is not installed.

    Parameters
    ----------
    kind : str
        The files that it reads, e.g. ``"Leica files"``.
    library : str
        The package that is missing.
    extra : str
        The extra that installs it.
    """
    return UserError(
        f"Reading {kind} needs {library}. Install it: pip install 'napari-sam2[{extra}]'"
    )
