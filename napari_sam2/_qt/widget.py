"""The dock widget "Segment and track"."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFileDialog, QScrollArea, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, heading, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2._qt.jobs.model_loading import ModelChange
from napari_sam2._qt.panels.advanced import AdvancedPanel
from napari_sam2._qt.panels.image import ImagePanel
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2._qt.panels.objects import ObjectTable
from napari_sam2._qt.panels.propagation import PropagationPanel
from napari_sam2._qt.panels.refinement import RefinementPanel
from napari_sam2._qt.panels.status import GettingStartedHint, StatusPanel
from napari_sam2._qt.panels.tools import Tool, ToolPanel
from napari_sam2.core.errors import UserError
from napari_sam2.inference.model_catalog import HubCatalog, ModelCatalog, ModelChoice
from napari_sam2.viewer.guidance import WorkflowState, next_step
from napari_sam2.viewer.keys import Action, KeyBindings
from napari_sam2.viewer.layer_sync import find_sync
from napari_sam2.viewer.preferences import read_preferences

if TYPE_CHECKING:
    import napari

    from napari_sam2.inference.protocol import Predictor

_REDRAW = 120
"""Milliseconds between two redraws of the panels."""


class SegmentTrackWidget(QScrollArea):
    """Click an object, see its mask, follow it, accept it, save.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer that it works in.
    make_predictor : Callable or None
        Makes the model in place of the one chosen in the widget.
    shelf : ModelCatalog or None
        Where the models to choose from come from; None for the released ones.
    """

    def __init__(
        self,
        napari_viewer: "napari.Viewer",
        make_predictor: "Callable[[], Predictor] | None" = None,
        shelf: ModelCatalog | None = None,
    ) -> None:
        super().__init__()
        self.viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        settings = read_preferences()
        self.engine = SegmentationController(self.viewer, settings.ending)
        self.keys = KeyBindings(self.viewer, settings.keys)
        self.images = ImagePanel(self.viewer)
        self.model = ModelPanel(ModelChoice(settings.model, settings.device))
        shelf = shelf or (None if make_predictor else HubCatalog())
        self.models = ModelChange(self.model, self.engine, shelf, make_predictor)
        self.tools = ToolPanel(self.engine, self.keys.key)
        self.objects = ObjectTable(self.engine)
        self.run = PropagationPanel(self.engine, self.keys.key)
        self.sharpen = RefinementPanel(self.engine, self.keys.key)
        self.status = StatusPanel()
        self.hint = GettingStartedHint(self.keys.key, settings.hint)
        self.extras = AdvancedPanel(self.engine, settings.hover)
        self.accept = button(
            "Accept, next",
            self.keys.key(Action.ACCEPT),
            "Keep this object as it is and go on with a new one.",
            self.engine.keeping.accept,
        )
        self.save = button(
            "Save", self.keys.key(Action.SAVE), "Write the accepted labels to a file.", self._save
        )
        self.save_as = button("Save as…", "", "Choose the file and its format.", self._save_as)
        self._content = QWidget()
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(_REDRAW)
        self._redraw.timeout.connect(self.refresh)
        self._lay_out()
        self._connect()
        self._bind_keys()
        self._start()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(6)
        parts = (
            self.status,
            self.hint,
            self.images,
            self.model,
            heading("Prompts"),
            self.tools,
            heading("Objects"),
            self.objects,
            self.run,
            self.sharpen,
            self.accept,
            row(self.save, self.save_as),
            self.extras,
        )
        for part in parts:
            layout.addWidget(part)
        layout.addStretch(1)
        self.setWidget(self._content)
        self.setWidgetResizable(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._widen()

    def _widen(self) -> None:
        """Be as wide as the content, with a vertical bar, lest buttons are cut."""
        bar = self.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(max(310, self._content.minimumSizeHint().width() + bar))

    def _connect(self) -> None:
        engine = self.engine
        engine.changed.connect(self._later)
        engine.began.connect(self._began)
        engine.notice.connect(self.status.say)
        engine.fault.connect(self.fault)
        engine.ran.connect(self.run.show_run)
        self.images.chosen.connect(self.begin)
        self.models.ready.connect(self._ready)
        self.objects.jump.connect(self._jump)
        removed = self.viewer.layers.events.removed
        self._release = _Release(
            self._redraw.stop,
            self.keys.release,
            self.images.release,
            lambda: removed.disconnect(self._maybe_closing),
            self.run.end_activity,
            self.sharpen.release,
            self.models.close,
            self.engine.close,
        )
        self.destroyed.connect(self._release)
        self.viewer.layers.events.removed.connect(self._maybe_closing)

    def _bind_keys(self) -> None:
        tools = self.tools
        self.keys.bind(
            {
                Action.PROPAGATE: self.engine.propagate,
                Action.STOP: self.engine.stop,
                Action.ACCEPT: self.engine.keeping.accept,
                Action.CANDIDATE: self.engine.next_candidate,
                Action.SHARPEN: self.engine.sharpening.here,
                Action.SAVE: self._save,
                Action.JUMP: self._jump,
                Action.SIGN: tools.flip,
                Action.UNDO: lambda: self.engine.sync and self.engine.sync.undo(),
                Action.REDO: lambda: self.engine.sync and self.engine.sync.redo(),
                Action.POINT: lambda: tools.use(Tool.POINT),
                Action.BOX: lambda: tools.use(Tool.BOX),
                Action.OUTLINE: lambda: tools.use(Tool.OUTLINE),
                Action.PAINT: lambda: tools.use(Tool.PAINT),
            }
        )

    def _start(self) -> None:
        existing = find_sync(self.viewer)
        if existing is not None:
            self.engine.adopt(existing)
            self.models.adopt(existing.sessions.predictor)
            self.tools.use(Tool.POINT)
        else:
            self.models.load()
        self.refresh()

    def _ready(self) -> None:
        self.status.clear_fault()
        if self.engine.sync is None:
            self.begin()

    def begin(self) -> None:
        """Start on the image that is chosen."""
        if self.engine.predictor is None or not self.images.images:
            return
        try:
            self.engine.begin(self.images.images, self.images.axis)
        except UserError as error:
            self.fault(ErrorMessage.of(error))
            return
        self.status.clear_fault()
        self.tools.use(Tool.POINT)

    def fault(self, fault: ErrorMessage) -> None:
        """Say what went wrong, here and as a napari notification, and offer what may help."""
        self.status.show_fault(fault.text, self.models.offers(fault))
        show_error(fault.text)
        self._later()

    def _began(self) -> None:
        self.run.show_session()
        self._later()

    def _jump(self, object_id: int | None = None) -> None:
        sync = self.engine.sync
        if sync is None:
            return
        worst = sync.sessions.progress(object_id or sync.current)
        if worst.worst_index is None:
            self.status.say("This object has no mask yet.")
        else:
            sync.place.show_index(worst.worst_index)

    def _save(self) -> None:
        self.engine.keeping.save()

    def _save_as(self) -> None:
        kinds = "TIFF (*.tif);;OME-Zarr (*.ome.zarr);;Zarr (*.zarr)"
        path, _ = QFileDialog.getSaveFileName(self, "Save labels", "labels.tif", kinds)
        if path:
            self.engine.keeping.save(Path(path))
            show_info(f"Saving to {path}")

    def _later(self) -> None:
        if not self._redraw.isActive():
            self._redraw.start()

    def refresh(self) -> None:
        """Show everything as it is now."""
        self.objects.show_objects()
        self.run.show_run()
        self.sharpen.show_masks()
        self.tools.show_sign()
        self.extras.refresh()
        self.accept.setEnabled(self.engine.sync is not None)
        self.save.setEnabled(self.engine.sync is not None)
        self.save_as.setEnabled(self.engine.sync is not None)
        now = self.situation()
        if now.accepted:
            self.hint.dismiss()
        self.status.show_next(next_step(now))
        self.status.show_states(self._states())
        self._widen()

    def situation(self) -> WorkflowState:
        """Return where the user stands."""
        sync = self.engine.sync
        loading = self.models.awaited
        here = WorkflowState(has_image=bool(self.images.images), loading=loading)
        if sync is None:
            return here
        sessions, current = sync.sessions, sync.current
        prompts = sync.session.prompts
        accepted = sum(sessions.progress(item.id).accepted for item in sync.sessions.objects)
        return WorkflowState(
            has_image=True,
            loading=loading,
            session=True,
            prompts=len(prompts.frames(current)),
            frames_done=sessions.progress(current).frames,
            frames=sync.sessions.stack.n_frames,
            running=self.engine.running is not None,
            sharpening=self.engine.sharpening.going,
            accepted=accepted,
            unsaved=self.engine.unsaved,
        )

    def _states(self) -> list[str]:
        predictor, states = self.engine.predictor, []
        if predictor is not None:
            info = predictor.info
            states.append("CPU in use: a GPU is faster" if info.device == "cpu" else info.device)
            if self.model.licence:
                states.append(f"{info.name}: licence {self.model.licence}")
            if not info.trained:
                states.append("untrained model: masks mean nothing")
        if self.engine.sync is not None and self.engine.unsaved:
            states.append("not saved")
        elif self.engine.saved is not None:
            states.append(f"saved: {self.engine.saved.name}")
        return states

    def _maybe_closing(self, event: Any) -> None:
        self._later()

    def release(self) -> None:
        """Give back keys and threads; called when the widget goes."""
        self._release()

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Release everything with the window."""
        self.release()
        super().closeEvent(event)


class _Release:
    """Lets go of the viewer and ends threads, once, whether or not Qt's objects still live."""

    def __init__(self, *steps: Callable[[], Any]) -> None:
        self._steps = list(steps)

    def __call__(self, *_: Any) -> None:
        steps, self._steps = self._steps, []
        for step in steps:
            with suppress(RuntimeError):
                step()
