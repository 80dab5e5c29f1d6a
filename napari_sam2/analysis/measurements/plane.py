"""Sums over one plane of labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.analysis.measurements.diameters import outline_points, plane_diameters
from napari_sam2.analysis.measurements.directions import (
    LineDirections,
    count_crossings,
    line_directions,
)
from napari_sam2.analysis.measurements.sums import LabelSums, PlaneSums

_BAND_PIXELS = 1 << 20
"""Pixels of a plane that are summed at once; a pixel takes about 100 bytes meanwhile."""


@dataclass(frozen=True)
class PlaneMeasurement:
    """Sums the pixels of planes.

    Parameters
    ----------
    sizes : tuple of float
        Size of a pixel along y and x, or along z, y and x.
    channels : int
        Number of channels of the image; 0 without an image.
    """

    sizes: tuple[float, ...]
    channels: int

    @cached_property
    def directions(self) -> LineDirections:
        """Directions of the lines that cross the boundaries."""
        return line_directions(self.sizes)

    @property
    def deep(self) -> bool:
        """Whether there is an axis z."""
        return len(self.sizes) == 3

    def sums(
        self,
        labels: NDArray[np.integer],
        before: NDArray[np.integer] | None = None,
        values: NDArray[Any] | None = None,
        depth: int = 0,
    ) -> PlaneSums:
        """Return the sums over a plane, and the crossings between it and the plane before.

        The sums of a volume are those of all its planes and of an empty one after the last.

        Parameters
        ----------
        labels, before : NDArray
            (H, W), integers: the plane, and the one before along z; None if there is no axis z.
        values : NDArray or None
            (C, H, W), values of the image; None without an image.
        depth : int
            Position of the plane along z.
        """
        found = PlaneSums.empty(self.channels)
        points: defaultdict[int, list[NDArray[np.float64]]] = defaultdict(list)
        height, width = labels.shape
        step = max(1, _BAND_PIXELS // width)
        for start in range(0, height, step):
            band = slice(start, min(start + step, height))
            part = None if values is None else values[:, band]
            for runs in self._add_band(found, labels[band], part, (depth, start)):
                points[runs.label].append(runs.outline)
        for label, parts in points.items():
            spacing = (self.sizes[-2], self.sizes[-1])
            outline = plane_diameters(np.concatenate(parts), spacing, depth)
            found.labels[label].diameters = outline
        self._add_crossings(found, labels, before)
        return found

    def after(self, last: NDArray[np.integer]) -> PlaneSums:
        """Return the crossings between the last plane (H, W) of a volume and the space after it."""
        found = PlaneSums.empty(self.channels)
        self._add_crossings(found, np.zeros_like(last), last)
        return found

    def _add_crossings(
        self, found: PlaneSums, labels: NDArray[np.integer], before: NDArray[np.integer] | None
    ) -> None:
        crossings = count_crossings(labels, before, self.directions.steps)
        for label, counts in crossings.items():
            sums = LabelSums.empty(len(self.sizes), self.channels, len(counts))
            sums.crossings = counts
            found.add_label(label, sums)

    def _add_band(
        self,
        found: PlaneSums,
        labels: NDArray[np.integer],
        values: NDArray[Any] | None,
        corner: tuple[int, int],
    ) -> Iterator[_RowRuns]:
        """Add the pixels of some rows, and yield the rows of each label."""
        flat = labels.reshape(-1)
        where = np.flatnonzero(flat)
        found.background_count += flat.size - where.size
        channels = [] if values is None else [values[c].reshape(-1) for c in range(self.channels)]
        if channels and where.size < flat.size:
            outside = flat == 0
            sums = [np.sum(channel, where=outside, dtype=np.float64) for channel in channels]
            found.background = found.background + sums
        if not where.size:
            return
        order = np.argsort(flat[where], kind="stable")
        where = where[order]
        groups = _Groups(flat[where], where, labels.shape[1], corner)
        yield from groups.add_to(found, channels, self)


@dataclass(frozen=True)
class _RowRuns:
    """The rows of a label in a band."""

    label: int
    outline: NDArray[np.float64]


@dataclass(frozen=True)
class _Groups:
    """Pixels of a band, sorted by label and then by position."""

    values: NDArray[np.integer]
    where: NDArray[np.intp]
    width: int
    corner: tuple[int, int]

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Position of the first pixel of each label."""
        return np.flatnonzero(np.concatenate(([True], self.values[1:] != self.values[:-1])))

    def add_to(
        self, found: PlaneSums, channels: list[NDArray[Any]], plane: PlaneMeasurement
    ) -> Iterator[_RowRuns]:
        """Add the sums of each label, and yield its rows."""
        starts, (depth, top) = self.starts, self.corner
        rows, columns = np.divmod(self.where, self.width)
        rows += top
        grids = [rows, columns]
        if plane.deep:
            grids.insert(0, np.full(len(rows), depth))
        counts = np.diff(np.append(starts, len(self.where)))
        low = np.stack([np.minimum.reduceat(grid, starts) for grid in grids], axis=1)
        high = np.stack([np.maximum.reduceat(grid, starts) for grid in grids], axis=1) + 1
        first = np.stack([_sum(grid, starts) for grid in grids], axis=1)
        second = np.stack(
            [np.stack([_sum(a.astype(np.float64) * b, starts) for b in grids]) for a in grids]
        ).transpose(2, 0, 1)
        own = [channel[self.where].astype(np.float64) for channel in channels]
        total, darkest, brightest = (
            np.stack([f.reduceat(c, starts) for c in own], axis=1)
            if own
            else np.zeros((len(starts), 0))
            for f in (np.add, np.minimum, np.maximum)
        )
        none = np.zeros(len(plane.directions.steps), np.int64)
        outlines = self._outlines(rows, columns)
        for i, label in enumerate(self.values[starts].tolist()):
            sums = LabelSums(
                int(counts[i]),
                first[i],
                second[i],
                low[i],
                high[i],
                total[i],
                darkest[i],
                brightest[i],
                none,
            )
            found.add_label(int(label), sums)
            yield _RowRuns(int(label), outlines[i])

    def _outlines(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> list[NDArray[np.float64]]:
        """Return points of the outline of each label."""
        new = np.concatenate(([True], (rows[1:] != rows[:-1])))
        new[self.starts] = True
        runs = np.flatnonzero(new)
        ends = np.append(runs[1:], len(rows)) - 1
        bounds = [*np.searchsorted(runs, self.starts).tolist(), len(runs)]
        found = []
        for start, stop in pairwise(bounds):
            part = slice(start, stop)
            found.append(outline_points(rows[runs[part]], columns[runs[part]], columns[ends[part]]))
        return found


def _sum(values: NDArray[Any], starts: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(np.add.reduceat(values.astype(np.float64), starts), np.float64)
