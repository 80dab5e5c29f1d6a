"""What a click would give where the pointer rests: shown faintly, kept nowhere."""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_sam2._qt.jobs.queue import JobPriority, JobQueue
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.viewer.layers.layer_set import LayerRole
from napari_sam2.viewer.layers.points import INSIDE
from napari_sam2.viewer.layers.preview import PreviewLayer

if TYPE_CHECKING:
    from napari_sam2._qt.jobs.controller import SegmentationController
    from napari_sam2.inference.preview import Preview
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.viewer.layer_sync import LayerSync

REST = 150
"""Milliseconds for which the pointer must lie still."""
_SLOT = "hover"


class HoverPreview(QObject):
    """Follows the pointer while the point tool is in use; off until it is turned on.

    Parameters
    ----------
    engine : SegmentationController
        Whose image.
    background : JobQueue
        Where clicks are answered; they go first.
    """

    def __init__(self, engine: "SegmentationController", background: JobQueue) -> None:
        super().__init__(engine)
        self._engine = engine
        self._background = background
        self._viewer = engine.viewer
        self._layer = PreviewLayer(self._viewer)
        self._on = False
        self._look = 0
        self._where: Any = None
        self._alt = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._rested)

    def turn(self, on: bool) -> None:
        """Show previews from now on, or no more."""
        if on is self._on:
            return
        self._on, viewer = on, self._viewer
        events = (viewer.events.mouse_over_canvas, viewer.dims.events.point)
        if on:
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

    def release(self) -> None:
        """Give the mouse back and leave no layer."""
        with suppress(RuntimeError):
            self.turn(False)

    def clear(self, event: Any = None) -> None:
        """Show nothing, and drop what is under way."""
        self._look += 1
        self._timer.stop()
        self._background.drop(_SLOT)
        self._layer.hide()

    def _moved(self, viewer: Any, event: Any) -> None:
        self.clear()
        self._where, self._alt = tuple(event.position), "Alt" in event.modifiers
        self._timer.start()

    def _pressed(self, viewer: Any, event: Any) -> None:
        self.clear()

    def _rested(self) -> None:
        sync = self._engine.sync
        if sync is None or self._engine.running is not None or not _point_tool(sync):
            return
        fixed, click = self._click(sync)
        session = sync.sessions[fixed]
        if click is not None and _answerable(session, click):
            look = self._look
            work = partial(self._try, look, session, click)
            show = partial(self._show, look, sync, fixed)
            self._background.submit(_SLOT, work, show, JobPriority.HOVER)

    def _click(self, sync: "LayerSync") -> tuple[FixedPosition, PointPrompt | None]:
        grid = sync.grid
        point = sync.family.points.layer.world_to_data(self._where)
        fixed, yx = grid.fixed(point), grid.yx(point)
        if not grid.inside(yx):
            return fixed, None
        inside = sync.sign == INSIDE and not self._alt
        return fixed, PointPrompt(sync.current, grid.frame(point), yx, int(inside))

    def _try(
        self, look: int, session: "SegmentationSession", click: PointPrompt
    ) -> "Preview | None":
        """Answer the click; one that cannot be answered says so when it is made."""
        if look != self._look:
            return None
        with suppress(Exception):
            return session.preview(click.object_id, click.frame, trial=click)
        return None

    def _show(
        self, look: int, sync: "LayerSync", fixed: FixedPosition, preview: "Preview | None"
    ) -> None:
        fresh = look == self._look and sync is self._engine.sync and sync.alive
        if fresh and preview is not None and not preview.result.crop.window.empty:
            self._layer.show(sync, fixed, preview.result)


def _point_tool(sync: "LayerSync") -> bool:
    layer = sync.family.find(LayerRole.POINTS)
    active = sync.viewer.layers.selection.active
    used = layer is not None and active is layer and str(layer.mode) == "add"
    return used and sync.alive and sync.place.plane_shown()


def _answerable(session: "SegmentationSession", click: PointPrompt) -> bool:
    """Whether there is something inside the object, which points outside could trim."""
    said = session.prompts.get(click.object_id, click.frame)
    inside = any(not isinstance(prompt, PointPrompt) or prompt.label for prompt in said)
    return bool(click.label) or inside or session.result(click.object_id, click.frame) is not None
