"""Sums over the pixels of each label: all that measurements keep in memory of earlier planes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_sam2.analysis.measurements.diameters import PlaneDiameters

_NOWHERE = np.iinfo(np.int64).max


@dataclass
class LabelSums:
    """Sums of one label. Coordinates are pixel indices in the order of the spatial axes.

    Parameters
    ----------
    count : int
        Number of pixels.
    first : NDArray[np.float64]
        (D,), sums of the coordinates.
    second : NDArray[np.float64]
        (D, D), sums of the products of coordinates.
    low, high : NDArray[np.int64]
        (D,), half-open bounds.
    intensity : NDArray[np.float64]
        (C,), sums of the values of each channel.
    darkest, brightest : NDArray[np.float64]
        (C,), extremes of the values of each channel.
    crossings : NDArray[np.int64]
        (K,), crossings of the boundary along each direction.
    diameters : PlaneDiameters or None
        The longest diameter on one plane; None without pixels.
    """

    count: int
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    intensity: NDArray[np.float64]
    darkest: NDArray[np.float64]
    brightest: NDArray[np.float64]
    crossings: NDArray[np.int64]
    diameters: PlaneDiameters | None = None

    @classmethod
    def empty(cls, dimensions: int, channels: int, directions: int) -> LabelSums:
        """Return the sums of no pixels."""
        return cls(
            0,
            np.zeros(dimensions),
            np.zeros((dimensions, dimensions)),
            np.full(dimensions, _NOWHERE),
            np.full(dimensions, -_NOWHERE),
            np.zeros(channels),
            np.full(channels, np.inf),
            np.full(channels, -np.inf),
            np.zeros(directions, np.int64),
        )

    def add(self, other: LabelSums) -> None:
        """Add other pixels of the label."""
        self.count += other.count
        self.first = self.first + other.first
        self.second = self.second + other.second
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)
        self.intensity = self.intensity + other.intensity
        self.darkest = np.minimum(self.darkest, other.darkest)
        self.brightest = np.maximum(self.brightest, other.brightest)
        self.crossings = self.crossings + other.crossings
        found = (self.diameters, other.diameters)
        known = [diameters for diameters in found if diameters is not None]
        self.diameters = max(known, key=lambda item: item.longest, default=None)


@dataclass
class PlaneSums:
    """Sums of all labels, and of the pixels without label.

    Parameters
    ----------
    labels : dict of int to LabelSums
        Sums of each label.
    background_count : int
        Number of pixels without label.
    background : NDArray[np.float64]
        (C,), sums of the values of these pixels.
    """

    background: NDArray[np.float64]
    background_count: int = 0
    labels: dict[int, LabelSums] = field(default_factory=dict)

    @classmethod
    def empty(cls, channels: int) -> PlaneSums:
        """Return the sums of no pixels."""
        return cls(np.zeros(channels))

    def add(self, other: PlaneSums) -> None:
        """Add the pixels of another plane; ``other`` may be used afterwards."""
        self.background_count += other.background_count
        self.background = self.background + other.background
        for label, sums in other.labels.items():
            self.add_label(label, sums)

    def add_label(self, label: int, sums: LabelSums) -> None:
        """Add pixels of a label."""
        known = self.labels.get(label)
        if known is None:
            sizes = len(sums.first), len(sums.intensity), len(sums.crossings)
            known = self.labels[label] = LabelSums.empty(*sizes)
        known.add(sums)

    @property
    def background_mean(self) -> list[float | None]:
        """Mean value of the pixels without label, by channel; None without such pixels."""
        if not self.background_count:
            return [None] * len(self.background)
        means: list[float | None] = (self.background / self.background_count).tolist()
        return means
