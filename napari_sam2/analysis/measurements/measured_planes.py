"""Measurements that follow edits: only planes that have changed are measured again."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from napari_sam2.analysis.measurements.regions import measure_section
from napari_sam2.analysis.measurements.sums import PlaneSums

if TYPE_CHECKING:
    from napari_sam2.analysis.measurements.measurement import Measurement
    from napari_sam2.analysis.measurements.table import Row

Place = tuple[int, int]
"""Position along t and z."""


class MeasuredPlanes:
    """The sums of all planes of labels that are edited.

    Parameters
    ----------
    measurement : Measurement
        Reads and measures the planes.
    """

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement
        self._sums: dict[Place, PlaneSums] = {}
        self._changed: set[Place] = set()
        self._lock = Lock()

    def plane_changed(self, time: int, z: int) -> None:
        """Measure a plane again at the next update; any thread may call."""
        with self._lock:
            # Crossings between planes belong to the later one.
            self._changed |= {(time, z), (time, z + 1)}

    def update(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Measure the planes that are new or have changed.

        Parameters
        ----------
        cancelled : callable
            Whether to stop; the next update continues.
        """
        with self._lock:
            for place in self._changed:
                self._sums.pop(place, None)
            self._changed.clear()
        for time in range(self.measurement.n_times):
            for z in range(self.measurement.n_planes):
                if cancelled():
                    return
                if (time, z) not in self._sums:
                    self._sums[time, z] = self.measurement.plane_sums(time, z)

    def rows(self) -> list[Row]:
        """Return the rows of all objects and time points; call :meth:`update` before."""
        found: list[Row] = []
        for time in range(self.measurement.n_times):
            total = PlaneSums.empty(self.measurement.n_channels)
            for z in range(self.measurement.n_planes):
                total.add(self._sums[time, z])
            found += self.measurement.rows_of(time, total)
        return found

    def sections(self, time: int) -> list[Row]:
        """Return a row for each object on each plane of a time point; see :func:`measure_section`.

        Their column ``plane`` is the position along z.
        """
        unit = self.measurement.unit
        return [
            {"label": label, "plane": z, **measure_section(sums, unit, plane.background_mean)}
            for z in range(self.measurement.n_planes)
            for plane in [self._sums[time, z]]
            for label, sums in sorted(plane.labels.items())
            if sums.count
        ]
