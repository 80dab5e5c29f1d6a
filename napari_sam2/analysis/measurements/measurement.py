"""Measurements of all objects of a label image, one plane in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import dist
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_sam2.analysis.measurements.regions import measure_region, region_columns
from napari_sam2.analysis.measurements.sums import BACKGROUND, LabelSums, plane_sums
from napari_sam2.analysis.measurements.units import MeasuringUnit
from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from napari_sam2.analysis.measurements.table import Row
    from napari_sam2.images.stack import Stack


@dataclass(frozen=True)
class Measurement:
    """Measures the objects of labels, on each time point.

    Along z an object is one volume; along t it has a row for each frame.

    Parameters
    ----------
    labels : Stack
        The labels, with the pixel sizes of the results.
    image : Stack or None
        The image whose values are measured; None measures shape and position only.

    Raises
    ------
    UserError
        If the labels are no integers, have channels, or have another shape than the image.
    """

    labels: Stack
    image: Stack | None = None
    _centroids: dict[int, dict[int, tuple[float, ...]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        labels, image = self.labels, self.image
        if labels.dtype.kind not in "bui":
            raise UserError(
                f"{labels.name} holds {labels.dtype}, not labels. Convert it to integers first."
            )
        if labels.n_channels > 1:
            raise UserError(
                f"{labels.name} has {labels.n_channels} channels, labels have none. "
                "Give a label image."
            )
        if image is not None and _lengths(image) != _lengths(labels):
            raise UserError(
                f"The labels {_shown(labels)} and the image {_shown(image)} have different shapes."
            )

    @property
    def unit(self) -> MeasuringUnit:
        """Unit of the results."""
        return MeasuringUnit.of(self.labels.calibration, self._space)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        channels = 0 if self.image is None else self.image.n_channels
        moving = ("displacement", "speed", "speed_unit") if self._has_time else ()
        time = ("time", "time_unit") if self._has_time else ()
        return ("label", "frame", *time, *region_columns(len(self._space), channels), *moving)

    @property
    def n_times(self) -> int:
        """Number of time points; 1 without a time axis."""
        return _lengths(self.labels).get("T", 1)

    def rows(self) -> Iterator[Row]:
        """Yield a row for each object and time point, in the order of time and of labels."""
        for time in range(self.n_times):
            yield from self.rows_at(time)

    def rows_at(self, time: int) -> list[Row]:
        """Return the rows of one time point, in the order of labels; reads its planes.

        The displacement is that from the time point that was measured before, if it is the one
        before this.
        """
        found = self._regions(time)
        if self._has_time:
            before = self._centroids.get(time - 1, {})
            self._centroids.clear()
            self._centroids[time] = {int(str(r["label"])): self._centroid(r) for r in found}
            found = [row | self._motion(row, before) for row in found]
        return list(found)

    @property
    def _space(self) -> str:
        axes = self.labels.label_axes
        return "".join(axis for axis in axes if axis in "ZYX")

    @property
    def _has_time(self) -> bool:
        return "T" in self.labels.label_axes

    @property
    def _depth(self) -> int:
        return _lengths(self.labels).get("Z", 1)

    def _regions(self, time: int) -> list[dict[str, object]]:
        sums = self._sums(time)
        around = sums.pop(BACKGROUND, None)
        channels = 0 if self.image is None else self.image.n_channels
        background: list[float | None] = (
            [None] * channels if around is None else (around.intensity / around.count).tolist()
        )
        unit = self.unit
        return [
            {"label": label, **self._when(time), **measure_region(sums[label], unit, background)}
            for label in sorted(sums)
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

    def _sums(self, time: int) -> dict[int, LabelSums]:
        total: dict[int, LabelSums] = {}
        deep = "Z" in self._space
        for z in range(self._depth):
            labels = self._read(self.labels, time, z).reshape(self.labels.shape)
            values = None if self.image is None else self._read(self.image, time, z)
            for label, sums in plane_sums(labels, values, z if deep else None).items():
                if label in total:
                    total[label].add(sums)
                else:
                    total[label] = sums
        return total

    def _read(self, stack: Stack, time: int, z: int) -> NDArray[Any]:
        place = {"T": time, "Z": z}
        index = tuple(place.get(axis, 0) for axis in stack.layout.index_axes)
        return stack.read(index)

    def _centroid(self, row: Row) -> tuple[float, ...]:
        return tuple(float(str(row[f"centroid-{axis}"])) for axis in range(len(self._space)))

    def _motion(self, row: Row, before: dict[int, tuple[float, ...]]) -> dict[str, object]:
        """Return the distance from the frame before and its speed; empty where it was absent."""
        step = self.labels.calibration.step("T")
        unit = f"{row['length_unit']}/{'frame' if step.symbol is None else step.symbol}"
        last = before.get(int(str(row["label"])))
        if last is None:
            return {"displacement": None, "speed": None, "speed_unit": unit}
        moved = dist(last, self._centroid(row))
        return {"displacement": moved, "speed": moved / step.size, "speed_unit": unit}


def _lengths(stack: Stack) -> dict[str, int]:
    return dict(zip(stack.label_axes, stack.label_shape, strict=True))


def _shown(stack: Stack) -> str:
    sizes = " x ".join(str(length) for length in stack.label_shape)
    return f"{stack.name} ({stack.label_axes}: {sizes})"
