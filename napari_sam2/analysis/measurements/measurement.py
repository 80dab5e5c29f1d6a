"""Measurements of all objects of labels, plane by plane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import dist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.analysis.measurements.label_planes import LabelPlanes, ObjectAttributes
from napari_sam2.analysis.measurements.plane import PlaneMeasurement
from napari_sam2.analysis.measurements.regions import measure_region, region_columns
from napari_sam2.analysis.measurements.sums import PlaneSums
from napari_sam2.analysis.measurements.units import MeasuringUnit
from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from napari_sam2.analysis.measurements.table import Row
    from napari_sam2.images.stack import Stack

_MOTION = ("displacement", "speed", "speed_unit")


@dataclass(frozen=True)
class Measurement:
    """Measures the objects of labels, on each time point.

    Along z an object is one volume; along t it has a row for each frame. Two planes of labels and
    one of the image are in memory at a time.

    Parameters
    ----------
    labels : LabelPlanes
        The labels, with the pixel sizes of the results.
    image : Stack or None
        The image whose values are measured; None measures shape and position only.
    attributes : ObjectAttributes
        Further columns, by object.

    Raises
    ------
    UserError
        If the labels have another shape than the image.
    """

    labels: LabelPlanes
    image: Stack | None = None
    attributes: ObjectAttributes = field(default_factory=ObjectAttributes)
    _centroids: dict[int, dict[int, tuple[float, ...]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        image = self.image
        if image is None:
            return
        lengths = dict(zip(image.label_axes, image.label_shape, strict=True))
        if lengths != self.labels.lengths:
            raise UserError(
                f"The labels {_shown(self.labels.stack)} and the image {_shown(image)} have "
                "different shapes. Give the image of these labels, or name the axes."
            )

    @property
    def unit(self) -> MeasuringUnit:
        """Unit of the results."""
        return MeasuringUnit.of(self.labels.calibration, self._space)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        time = ("time", "time_unit") if self._has_time else ()
        return (
            *("label", "frame"),
            *time,
            *region_columns(len(self._space), self.n_channels),
            *(_MOTION if self._has_time else ()),
            *self.attributes.columns,
        )

    @property
    def n_times(self) -> int:
        """Number of time points; 1 without a time axis."""
        return self.labels.lengths.get("T", 1)

    def rows(self) -> Iterator[Row]:
        """Yield a row for each object and time point, in the order of time and of labels."""
        for time in range(self.n_times):
            yield from self.rows_at(time)

    def rows_at(self, time: int) -> list[Row]:
        """Return the rows of one time point, in the order of labels; reads its planes.

        The displacement is that from the time point that was measured before, if it is the one
        before this.
        """
        return self.rows_of(time, self.sums_at(time))

    def rows_of(self, time: int, sums: PlaneSums) -> list[Row]:
        """Return the rows of one time point from its sums; see :meth:`rows_at`."""
        found = self._regions(time, sums)
        if self._has_time:
            before = self._centroids.get(time - 1, {})
            self._centroids.clear()
            self._centroids[time] = {int(str(r["label"])): self._centroid(r) for r in found}
            found = [row | self._motion(row, before) for row in found]
        return [row | self.attributes.of(int(str(row["label"]))) for row in found]

    def sums_at(self, time: int) -> PlaneSums:
        """Return the sums over all planes of one time point."""
        total = PlaneSums.empty(self.n_channels)
        plane = PlaneMeasurement(self.unit.sizes, self.n_channels)
        if not plane.deep:
            labels = self._labels(time, 0)
            return plane.sums(labels, None, self._values(time, 0))
        before = self._no_labels
        for z in range(self.labels.lengths["Z"]):
            labels = self._labels(time, z)
            total.add(plane.sums(labels, before, self._values(time, z), z))
            before = labels
        total.add(plane.after(before))
        return total

    def plane_sums(self, time: int, z: int) -> PlaneSums:
        """Return the sums of one of :attr:`n_planes` planes, with crossings from that before."""
        plane = PlaneMeasurement(self.unit.sizes, self.n_channels)
        if not plane.deep:
            return plane.sums(self._labels(time, 0), None, self._values(time, 0))
        before = self._labels(time, z - 1) if z else self._no_labels
        if z == self.labels.lengths["Z"]:
            return plane.after(before)
        return plane.sums(self._labels(time, z), before, self._values(time, z), z)

    @property
    def n_planes(self) -> int:
        """Number of planes of a time point; of volumes, with the empty one after the last."""
        return self.labels.lengths["Z"] + 1 if "Z" in self._space else 1

    @property
    def n_channels(self) -> int:
        """Number of channels of the image; 0 without an image."""
        return 0 if self.image is None else self.image.n_channels

    @property
    def _no_labels(self) -> NDArray[Any]:
        return np.zeros(self.labels.stack.shape, np.uint8)

    @property
    def _space(self) -> str:
        return "".join(axis for axis in self.labels.stack.label_axes if axis in "ZYX")

    @property
    def _has_time(self) -> bool:
        return "T" in self.labels.stack.label_axes

    def _labels(self, time: int, z: int) -> NDArray[Any]:
        return self.labels.read(_index(self.labels.stack, time, z))

    def _values(self, time: int, z: int) -> NDArray[Any] | None:
        return None if self.image is None else self.image.read(_index(self.image, time, z))

    def _regions(self, time: int, sums: PlaneSums) -> list[dict[str, object]]:
        background, unit, when = sums.background_mean, self.unit, self._when(time)
        return [
            {"label": label, **when, **measure_region(sums.labels[label], unit, background)}
            for label in sorted(sums.labels)
        ]

    def _when(self, time: int) -> dict[str, object]:
        if not self._has_time:
            return {"frame": 0 if len(self._space) == 2 else None}
        step = self.labels.calibration.step("T")
        return {
            "frame": time,
            "time": step.origin + time * step.size,
            "time_unit": "frame" if step.symbol is None else step.symbol,
        }

    def _centroid(self, row: Row) -> tuple[float, ...]:
        return tuple(float(str(row[f"centroid-{axis}"])) for axis in range(len(self._space)))

    def _motion(self, row: Row, before: dict[int, tuple[float, ...]]) -> dict[str, object]:
        """Return the distance from the frame before and its speed; empty where it was absent."""
        step = self.labels.calibration.step("T")
        unit = f"{row['length_unit']}/{'frame' if step.symbol is None else step.symbol}"
        last = before.get(int(str(row["label"])))
        if last is None:
            return dict(zip(_MOTION, (None, None, unit), strict=True))
        moved = dist(last, self._centroid(row))
        return dict(zip(_MOTION, (moved, moved / step.size, unit), strict=True))


def _index(stack: Stack, time: int, z: int) -> tuple[int, ...]:
    place = {"T": time, "Z": z}
    return tuple(place.get(axis, 0) for axis in stack.layout.index_axes)


def _shown(stack: Stack) -> str:
    sizes = " x ".join(str(length) for length in stack.label_shape)
    return f"{stack.name} ({stack.label_axes}: {sizes})"
