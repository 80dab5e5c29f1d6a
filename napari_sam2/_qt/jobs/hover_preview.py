"""A faint preview of the mask that a click under the pointer would give."""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerRole
from napari_sam2.viewer.layers.preview import PreviewLayer

if TYPE_CHECKING:
    from napari_sam2.inference.preview import Preview
    from napari_sam2.session.session import SegmentationSession

REST_MS = 150
"""Milliseconds without motion after which the pointer rests."""
_KEY = JobKey(JobKind.HOVER)


class HoverPreview(QObject):
    """Previews the click under the resting pointer, with the point tool; off at first.

    Parameters
    ----------
    state : ControllerState
        The segmentation.
    queue : JobQueue
        The queue of clicks, which run first.
    """

    def __init__(self, state: ControllerState, queue: JobQueue) -> None:
        super().__init__(state)
        self._state = state
        self._queue = queue
        self._viewer = state.viewer
        self._layer = PreviewLayer(self._viewer)
        self._enabled = self._enabled_when_closed = False
        self._request = 0
        self._position: Any = None
        self._alt = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST_MS)
        self._timer.timeout.connect(self._rested)

    @property
    def waiting(self) -> bool:
        """Whether the pointer has moved and does not rest yet."""
        return self._timer.isActive()

    def set_enabled(self, enabled: bool) -> None:
        """Turn the preview on or off."""
        if enabled is self._enabled:
            return
        self._enabled, viewer = enabled, self._viewer
        events = (viewer.events.mouse_over_canvas, viewer.dims.events.point)
        if enabled:
            viewer.mouse_move_callbacks.append(self._moved)
            viewer.mouse_drag_callbacks.append(self._pressed)
            for event in events:
                event.connect(self.clear)
            return
        viewer.mouse_move_callbacks.remove(self._moved)
        viewer.mouse_drag_callbacks.remove(self._pressed)
        for event in events:
            event.disconnect(self.clear)
        self.clear()
        self._layer.remove()

    def open(self) -> None:
        """Preview again after :meth:`close`, if the preview was on."""
        if self._enabled_when_closed:
            self.set_enabled(True)
        self._enabled_when_closed = False

    def close(self) -> None:
        """Disconnect from the mouse and remove the layer."""
        self._enabled_when_closed = self._enabled
        with suppress(RuntimeError):
            self.set_enabled(False)

    def clear(self, event: Any = None) -> None:
        """Hide the preview and drop the one that is being predicted."""
        self._request += 1
        self._timer.stop()
        self._queue.drop(_KEY)
        self._layer.hide()

    def _moved(self, viewer: Any, event: Any) -> None:
        self.clear()
        self._position, self._alt = tuple(event.position), "Alt" in event.modifiers
        self._timer.start()

    def _pressed(self, viewer: Any, event: Any) -> None:
        self.clear()

    def _rested(self) -> None:
        sync = self._state.sync
        if sync is None or self._state.running is not None or not _uses_point_tool(sync):
            return
        fixed, click = self._click(sync)
        session = sync.sessions[fixed]
        if click is not None and _can_predict(session, click):
            work = partial(self._predict, self._request, session, click)
            show = partial(self._show, self._request, sync, fixed)
            self._queue.submit(_KEY, work, show, JobPriority.HOVER)

    def _click(self, sync: LayerSync) -> tuple[FixedPosition, PointPrompt | None]:
        grid = sync.grid
        point = sync.layers.points.layer.world_to_data(self._position)
        fixed, yx = grid.fixed(point), grid.yx(point)
        if not grid.inside(yx):
            return fixed, None
        inside = self._state.inside and not self._alt
        return fixed, PointPrompt(self._state.current, grid.frame(point), yx, int(inside))

    def _predict(
        self, request: int, session: "SegmentationSession", click: PointPrompt
    ) -> "Preview | None":
        """Return the preview of a click; errors are reported when the click is made."""
        if request != self._request:
            return None
        with suppress(Exception):
            return session.preview(click.object_id, click.frame, trial=click)
        return None

    def _show(
        self, request: int, sync: LayerSync, fixed: FixedPosition, preview: "Preview | None"
    ) -> None:
        current = request == self._request and sync is self._state.sync and sync.alive
        if current and preview is not None and not preview.result.crop.window.empty:
            self._layer.show(sync, fixed, preview.result)


def _uses_point_tool(sync: LayerSync) -> bool:
    layer = sync.layers.find(LayerRole.POINTS)
    active = sync.viewer.layers.selection.active
    selected = layer is not None and active is layer and str(layer.mode) == "add"
    return selected and sync.alive and sync.dims.shows_plane()


def _can_predict(session: "SegmentationSession", click: PointPrompt) -> bool:
    """Return whether there is a mask, or a prompt inside the object, for a point outside."""
    prompts = session.prompts.get(click.object_id, click.frame)
    positive = any(not isinstance(prompt, PointPrompt) or prompt.label for prompt in prompts)
    result = session.result(click.object_id, click.frame)
    return bool(click.label) or positive or result is not None
