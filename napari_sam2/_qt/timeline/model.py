"""What the timeline shows, as a value, and its reduction to pixel columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.analysis.review import TrackReview

Confidence = NDArray[np.float64]
Color = tuple[int, int, int]
"""Red, green and blue, in 0..255."""


@dataclass(frozen=True, eq=False)
class TimelineModel:
    """What the timeline shows.

    Parameters
    ----------
    n_frames : int
        Length of the propagated axis, at least 1.
    shown : int
        The frame that the viewer shows.
    track : TrackReview or None
        The current object; None without one.
    color : tuple of int
        Its color.
    others : tuple of NDArray[np.float64]
        (n_frames,) :attr:`TrackReview.mask_confidence` of each other object.
    """

    n_frames: int
    shown: int = 0
    track: TrackReview | None = None
    color: Color = (128, 128, 128)
    others: tuple[Confidence, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnScale:
    """Assigns frames to columns of pixels; columns divide the frames, or frames the columns.

    Parameters
    ----------
    n_frames, width : int
        Number of frames and of columns, at least 1.
    """

    n_frames: int
    width: int

    @property
    def starts(self) -> NDArray[np.intp]:
        """(width,) the first frame of each column."""
        return np.arange(self.width) * self.n_frames // self.width

    def frames(self, column: int) -> range:
        """Return the frames of a column; columns outside are moved to the nearest one."""
        at = min(max(column, 0), self.width - 1)
        start = at * self.n_frames // self.width
        return range(start, max((at + 1) * self.n_frames // self.width, start + 1))

    def columns(self, frame: int) -> range:
        """Return the columns that show a frame; at least one."""
        start = -(-frame * self.width // self.n_frames)
        stop = -(-(frame + 1) * self.width // self.n_frames)
        if start < stop:
            return range(start, stop)
        return range(start - 1, start)

    def lowest(self, values: Confidence) -> Confidence:
        """Return (width,) the lowest value of each column; nan where all are nan."""
        return np.fmin.reduceat(values, self.starts)

    def any(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return (width,) whether the flag of any frame of each column is set."""
        return np.logical_or.reduceat(flags, self.starts)

    def all(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return (width,) whether the flags of all frames of each column are set."""
        return np.logical_and.reduceat(flags, self.starts)

    def heat_map(self, values: Sequence[Confidence], height: int) -> Confidence:
        """Return (rows, width) the lowest confidence of objects by column.

        There is one row for each object, or at most ``height`` rows of neighboring objects.
        """
        if not values:
            return np.full((0, self.width), np.nan)
        rows = np.stack([self.lowest(one) for one in values])
        starts = np.arange(min(height, len(rows))) * len(rows) // min(height, len(rows))
        return np.fmin.reduceat(rows, starts, axis=0)


def frame_at(model: TimelineModel, scale: ColumnScale, column: int) -> int:
    """Return the frame of a column; of several the one where the object has the lowest confidence.

    Parameters
    ----------
    model : TimelineModel
        What is shown.
    scale : ColumnScale
        The columns.
    column : int
        May lie outside.
    """
    frames = scale.frames(column)
    if model.track is None or len(frames) == 1:
        return frames[0]
    confidence = model.track.mask_confidence[frames.start : frames.stop]
    return frames[0] if np.isnan(confidence).all() else frames[int(np.nanargmin(confidence))]
