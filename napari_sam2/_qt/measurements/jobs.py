"""Measures the objects of the session in the background, and again after edits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2._qt.jobs.queue import Failure, JobKey, JobKind, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.analysis.measurements.label_planes import LabelPlanes, ObjectAttributes
from napari_sam2.analysis.measurements.measured_planes import MeasuredPlanes
from napari_sam2.analysis.measurements.measurement import Measurement
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.viewer.layers.layer_set import LayerRole

if TYPE_CHECKING:
    from napari_sam2.analysis.measurements.table import Row
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.session.session_group import SessionGroup
    from napari_sam2.viewer.layer_sync import LayerSync

_KEY = JobKey(JobKind.MEASURE)
_LABEL_LAYERS = (LayerRole.RESULTS, LayerRole.DRAFTS)


@dataclass(frozen=True, eq=False)
class _Found:
    """What a job has measured."""

    planes: MeasuredPlanes
    rows: list[Row]
    sections: list[Row]


class MeasurementJobs(QObject):
    """Measures all masks, accepted or not, from :meth:`start` to :meth:`stop`.

    Rows of the shown time point are the features of the labels layers. Two rows for one label are
    not: napari shows the features of a label beside the pointer.

    Parameters
    ----------
    state : ControllerState
        The session.

    Attributes
    ----------
    rows : list of Row
        The rows as last measured.
    sections : list of Row
        A row for each object and plane of a volume; empty for other images.
    planes : MeasuredPlanes or None
        What is measured; None before :meth:`start`.
    """

    measured = Signal()
    """The rows have changed."""

    def __init__(self, state: ControllerState) -> None:
        super().__init__(state)
        self._state = state
        self._queue = JobQueue("napari-sam2 measurements", self)
        self._queue.failed.connect(self._failed)
        self._sync: LayerSync | None = None
        self._outdated = False
        self._attributes = ObjectAttributes()
        self._measured: list[Row] = []
        self.planes: MeasuredPlanes | None = None
        self.rows: list[Row] = []
        self.sections: list[Row] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is being measured."""
        return self._queue.idle and not self._outdated

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; none before :meth:`start`."""
        if self.planes is None:
            return ()
        return (*self.planes.measurement.columns, *self._attributes.columns)

    def start(self) -> None:
        """Measure the session that the viewer shows, and follow its edits."""
        self.stop()
        sync = self._state.sync
        if sync is None:
            return
        sessions = sync.sessions
        try:
            labels = LabelPlanes(sessions.stack, partial(_labels, sessions))
            self.planes = MeasuredPlanes(Measurement(labels, sessions.stack))
        except UserError as error:
            self._state.notice.emit(str(error))
            return
        self._sync, self._outdated = sync, True
        sessions.connect(self._follow)
        self._state.viewer.dims.events.current_step.connect(self._show_features)
        self.update()

    def stop(self) -> None:
        """Forget the rows; the features of the layers stay."""
        sync, self._sync = self._sync, None
        self._outdated = False
        self._queue.drop(_KEY)
        self.planes, self.rows, self._measured, self.sections = None, [], [], []
        if sync is not None:
            self._state.viewer.dims.events.current_step.disconnect(self._show_features)
            sync.sessions.disconnect(self._follow)
            for _, session in sync.sessions:
                session.events.masks.disconnect(self._mask_changed, missing_ok=True)
                session.events.result.disconnect(self._mask_computed, missing_ok=True)

    def update(self) -> None:
        """Measure what has changed; called after every change of the session."""
        sync, planes = self._sync, self.planes
        if sync is None or planes is None:
            return
        if sync is not self._state.sync:
            self.stop()
            self.measured.emit()
            return
        if self._outdated:
            self._outdated = False
            self._queue.submit(_KEY, partial(self._measure, planes), self._done)
        elif ObjectAttributes.of_objects(sync.sessions.objects) != self._attributes:
            self._show()

    def open(self) -> None:
        """Work again after :meth:`close`."""
        self._queue.open()

    def close(self) -> None:
        """Stop, and end the thread."""
        self.stop()
        self._queue.close()

    @property
    def time(self) -> int:
        """The time point that the viewer shows."""
        sync = self._sync
        if sync is None:
            return 0
        return sync.dims.frame if sync.grid.along == "t" else dict(sync.dims.fixed).get("t", 0)

    def _measure(self, planes: MeasuredPlanes) -> _Found | None:
        planes.update(lambda: planes is not self.planes)
        if planes is not self.planes:
            return None
        lengths = planes.measurement.labels.lengths
        volume = "Z" in lengths and "T" not in lengths
        return _Found(planes, planes.rows(), planes.sections(0) if volume else [])

    def _done(self, found: _Found | None) -> None:
        if found is not None and found.planes is self.planes:
            self._measured, self.sections = found.rows, found.sections
            self._show()

    def _show(self) -> None:
        if self._sync is None:
            return
        self._attributes = ObjectAttributes.of_objects(self._sync.sessions.objects)
        self.rows = [row | self._attributes.of(_label(row)) for row in map(dict, self._measured)]
        self._show_features()
        self.measured.emit()

    def _show_features(self, _: Any = None) -> None:
        sync = self._sync
        if sync is None or not self.rows:
            return
        shown = [row for row in self.rows if row.get("frame") in (None, self.time)]
        features = {name: [row[name] for row in shown] for name in self.columns}
        features = {"index": features["label"], **features}
        for role in _LABEL_LAYERS:
            layer = sync.layers.find(role)
            if layer is not None:
                layer.features = features

    def _follow(self, session: SegmentationSession) -> None:
        session.events.masks.connect(self._mask_changed)
        session.events.result.connect(self._mask_computed)

    def _mask_computed(self, result: FrameResult) -> None:
        self._mask_changed(result.object_id, result.index)

    def _mask_changed(self, _: int, index: PlaneIndex) -> None:
        """Note that a plane has changed; called from any thread."""
        planes = self.planes
        if planes is not None:
            axes = planes.measurement.labels.stack.layout.index_axes
            place = dict(zip(axes, index, strict=True))
            planes.plane_changed(place.get("T", 0), place.get("Z", 0))
            self._outdated = True

    def _failed(self, failure: Failure) -> None:
        self._state.fault.emit(ErrorMessage.of(failure.error))


def _labels(sessions: SessionGroup, index: PlaneIndex) -> Any:
    return compose_labels(sessions.masks.at(index), Window.of(sessions.stack.shape))


def _label(row: Row) -> int:
    return int(str(row["label"]))
