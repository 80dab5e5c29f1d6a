"""Nikon files (ND2), read plane by plane by nd2."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import PlaneGrid, Source
from napari_sam2.images.readers.microscopy.images import FileImage, missing_library, select_image
from napari_sam2.images.readers.microscopy.nd2_chunks import recorded_frames

if TYPE_CHECKING:
    import nd2

_FRAME_AXES = "CYXS"
"""Axes inside a stored frame; the others are loops of the experiment."""


def read_nd2(path: Path, scene: str | int | None = None) -> Source:
    """Open a Nikon file; its stage positions are scenes.

    Frames that were never recorded, e.g. in an experiment that was stopped, cannot be read.

    Parameters
    ----------
    path : Path
        A ``.nd2`` file.
    scene : str, int or None
        Name or number of the position; None opens the first one.

    Raises
    ------
    UserError
        If nd2 is missing or the file is damaged.
    """
    try:
        import nd2
    except ImportError as error:
        raise missing_library("Nikon files", "nd2") from error
    try:
        file = nd2.ND2File(path)
    except Exception as error:
        raise UserError(f"Cannot open {path.name} as a Nikon file: {error}.") from error
    try:
        images = _images(file, path)
    except Exception as error:
        file.close()
        raise UserError(f"Cannot open {path.name} as a Nikon file: {error}.") from error
    return select_image(images, scene, path)


class _FrameReader:
    """Reads planes of an open file.

    Parameters
    ----------
    file : ND2File
        The open file; it is closed with this reader.
    path : Path
        The file.
    """

    def __init__(self, file: nd2.ND2File, path: Path) -> None:
        self.sizes = dict(file.sizes)
        self.loops = tuple(axis for axis in self.sizes if axis not in _FRAME_AXES)
        self._file = file
        self._lock = threading.Lock()
        places = file.loop_indices
        self._numbers = {
            tuple(place.get(axis, 0) for axis in self.loops): number
            for number, place in enumerate(places)
        }
        self.missing = _missing_frames(path, len(places))
        weakref.finalize(self, file.close)

    def plane(self, place: dict[str, int], channel: int) -> NDArray[Any]:
        """Return a channel of a frame, (Y, X) or (Y, X, 3).

        Raises
        ------
        OSError
            If the frame was not recorded.
        """
        number = self._numbers.get(tuple(place.get(axis, 0) for axis in self.loops))
        if number is None or number in self.missing:
            raise OSError("this frame was not recorded")
        with self._lock:
            frame = self._file.read_frame(number)
        if "S" in self.sizes:
            color = np.reshape(frame, (-1, self.sizes["Y"], self.sizes["X"], self.sizes["S"]))
            return color[channel]
        planes = np.reshape(frame, (-1, self.sizes["Y"], self.sizes["X"]))
        return planes[channel]


def _missing_frames(path: Path, count: int) -> frozenset[int]:
    """Return the numbers of the frames that the file does not hold."""
    recorded = recorded_frames(path)
    return frozenset() if recorded is None else frozenset(range(count)) - recorded


def _images(file: nd2.ND2File, path: Path) -> list[FileImage]:
    reader = _FrameReader(file, path)
    names = _position_names(file)
    positions = reader.sizes.get("P", 1)
    image_axes = "".join(axis for axis in reader.loops if axis != "P")
    leading = image_axes + ("C" if "C" in reader.sizes else "")
    color = "S" in reader.sizes
    plane = tuple(reader.sizes[axis] for axis in ("YXS" if color else "YX"))
    grid = tuple(reader.sizes[axis] for axis in leading)
    bits = file.attributes.bitsPerComponentSignificant
    channels, unread = _channels(file)

    def image(position: int) -> FileImage:
        def load(at: tuple[int, ...]) -> NDArray[Any]:
            place = dict(zip(leading, at, strict=True))
            channel = place.pop("C", 0)
            return reader.plane({**place, "P": position}, channel)

        return FileImage(
            names[position] if position < len(names) else str(position),
            leading + ("YXS" if color else "YX"),
            (PlaneGrid(grid, plane, np.dtype(file.dtype), load),),
            _calibration(file, channels),
            tuple(str(channel.channel.name) for channel in channels),
            bits if bits and bits < file.dtype.itemsize * 8 else None,
            _notes(reader, path) + unread + _period_note(file),
        )

    return [image(position) for position in range(positions)]


def _notes(reader: _FrameReader, path: Path) -> tuple[str, ...]:
    if not reader.missing:
        return ()
    first = ", ".join(str(number) for number in sorted(reader.missing)[:5])
    return (
        f"{path.name} lacks {len(reader.missing)} of its frames (numbers {first}"
        f"{', ...' if len(reader.missing) > 5 else ''}): they were not recorded, or the file is "
        "truncated. Their planes cannot be read.",
    )


def _period_note(file: nd2.ND2File) -> tuple[str, ...]:
    periods = [len(getattr(loop.parameters, "periods", ())) for loop in file.experiment]
    if max(periods, default=0) < 2:
        return ()
    return (
        f"{Path(file.path).name} was recorded in {max(periods)} periods with different intervals: "
        "its time interval is unknown.",
    )


def _position_names(file: nd2.ND2File) -> tuple[str, ...]:
    for loop in file.experiment:
        if loop.type == "XYPosLoop":
            points = loop.parameters.points
            return tuple(point.name or f"P{i}" for i, point in enumerate(points))
    return (Path(file.path).stem,)


def _channels(file: nd2.ND2File) -> tuple[list[Any], tuple[str, ...]]:
    """Return what the file states about its channels, and a note if it cannot be read."""
    try:
        return list(getattr(file.metadata, "channels", None) or ()), ()
    except Exception as error:
        return [], (
            f"The metadata of {Path(file.path).name} cannot be read ({error}): pixel sizes and "
            "names of channels are unknown.",
        )


def _calibration(file: nd2.ND2File, channels: list[Any]) -> Calibration:
    steps = {}
    if channels:
        volume = channels[0].volume
        sizes = zip("XYZ", volume.axesCalibration, volume.axesCalibrated, strict=True)
        for axis, size, calibrated in sizes:
            if calibrated and axis in file.sizes:
                steps[axis] = AxisStep(float(size), "micrometer")
    interval = _time_interval(file)
    if interval:
        steps["T"] = AxisStep(interval, "second")
    return Calibration(steps)


def _time_interval(file: nd2.ND2File) -> float | None:
    """Return the time between frames in seconds; the measured mean where the file states it.

    An experiment of several periods has no single interval.
    """
    for loop in file.experiment:
        periods = getattr(loop.parameters, "periods", None) or [loop.parameters]
        if loop.type not in ("TimeLoop", "NETimeLoop") or len(periods) > 1:
            continue
        measured = getattr(getattr(periods[0], "periodDiff", None), "avg", None)
        planned = getattr(periods[0], "periodMs", None)
        return float(measured or planned or 0) / 1000 or None
    return None
