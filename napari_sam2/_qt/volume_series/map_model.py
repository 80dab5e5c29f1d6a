"""What the map of a series of volumes shows, as a value, and its reduction to pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2._qt.timeline.model import ColumnScale
from napari_sam2.analysis.review import TrackReview

Plane = tuple[int, int]
"""Time point and depth."""


@dataclass(frozen=True, eq=False)
class VolumeMapModel:
    """The current object on all planes of a series; arrays are (depth, time).

    Parameters
    ----------
    n_times, depth : int
        Lengths of both axes, at least 1.
    shown : tuple of int
        The plane (t, z) that the viewer shows.
    object_id : int
        The object; 0 for none.
    volumes : mapping of int to TrackReview
        The object along z, by time point; time points without prompts and masks are missing.
    """

    n_times: int
    depth: int
    shown: Plane = (0, 0)
    object_id: int = 0
    volumes: Mapping[int, TrackReview] = field(default_factory=dict)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Confidence of the masks; nan where there is none."""
        return self._values("mask_confidence", np.nan)

    @cached_property
    def visited(self) -> NDArray[np.bool_]:
        """Whether the plane was computed, or searched by way of other planes of its volume."""
        return self._values("visited", False) | self._not_found[None, :]

    @cached_property
    def lost(self) -> NDArray[np.bool_]:
        """Whether the object is lost: no mask, but before and after along z or t."""
        found = np.asarray(self._values("found", False).any(axis=0))
        before, after = np.logical_or.accumulate(found), np.logical_or.accumulate(found[::-1])
        missing = before & after[::-1] & self._not_found
        return self._values("lost", False) | missing[None, :]

    @property
    def prompted(self) -> NDArray[np.bool_]:
        """Whether there are prompts."""
        return self._values("prompted", False)

    @property
    def locked(self) -> NDArray[np.bool_]:
        """Whether the mask is locked."""
        return self._values("locked", False)

    @cached_property
    def _not_found(self) -> NDArray[np.bool_]:
        """(time,) whether the object was searched for in a volume, and has no mask there."""
        visited, found = self._values("visited", False), self._values("found", False)
        return np.asarray(visited.any(axis=0) & ~found.any(axis=0))

    def _values(self, name: str, missing: float) -> NDArray[Any]:
        values = np.full((self.depth, self.n_times), missing)
        for time, track in self.volumes.items():
            values[:, time] = getattr(track, name)
        return values

    def text(self, plane: Plane) -> str:
        """Return the state of a plane in words."""
        time, z = plane
        where = f"t={time}, z={z}"
        if not self.object_id:
            return where
        track = self.volumes.get(time)
        if self.lost[z, time] and not (track and track.lost[z]):
            return f"{where}: not found at this time point"
        if track is None:
            return f"{where}: not computed"
        return f"{where}: {track.state(z).description}"


@dataclass(frozen=True, slots=True)
class MapScale:
    """Assigns the planes of a series to a grid of pixels.

    Parameters
    ----------
    times, depths : ColumnScale
        Time points and columns of pixels, depths and rows.
    """

    times: ColumnScale
    depths: ColumnScale

    @classmethod
    def of(cls, model: VolumeMapModel, width: int, height: int) -> MapScale:
        """Return the scale for a number of pixels, at least 1 x 1."""
        return cls(ColumnScale(model.n_times, width), ColumnScale(model.depth, height))

    def lowest(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (height, width) the lowest value at each pixel; nan where all are nan."""
        rows = np.fmin.reduceat(values, self.depths.starts, axis=0)
        return np.asarray(np.fmin.reduceat(rows, self.times.starts, axis=1))

    def any(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return (height, width) whether the flag of any plane at each pixel is set."""
        rows = np.logical_or.reduceat(flags, self.depths.starts, axis=0)
        return np.asarray(np.logical_or.reduceat(rows, self.times.starts, axis=1))

    def plane(self, model: VolumeMapModel, column: int, row: int) -> Plane:
        """Return the plane at a pixel; of several that with the lowest confidence.

        Pixels outside are moved to the nearest one.
        """
        times, depths = self.times.frames(column), self.depths.frames(row)
        part = model.confidence[depths.start : depths.stop, times.start : times.stop]
        if np.isnan(part).all():
            return times[0], depths[0]
        z, time = np.unravel_index(int(np.nanargmin(part)), part.shape)
        return times[int(time)], depths[int(z)]
