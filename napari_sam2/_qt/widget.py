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
from napari_sam2._qt.model_controller import ModelController
from napari_sam2._qt.panels.advanced import AdvancedPanel
from napari_sam2._qt.panels.ct_window import CtWindowPanel
from napari_sam2._qt.panels.image import ImagePanel
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2._qt.panels.objects import ObjectTable
from napari_sam2._qt.panels.propagation import PropagationPanel
from napari_sam2._qt.panels.refinement import RefinementPanel
from napari_sam2._qt.panels.status import GettingStartedHint, StatusPanel
from napari_sam2._qt.panels.tools import Tool, ToolPanel
from napari_sam2._qt.timeline.panel import TimelinePanel
from napari_sam2.analysis.run_summary import RunSummary
from napari_sam2.core.errors import UserError
from napari_sam2.inference.model_catalog import HubCatalog, ModelCatalog, ModelChoice
from napari_sam2.viewer.guidance import WorkflowState, next_step
from napari_sam2.viewer.keys import Action, KeyBindings
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.preferences import read_preferences

if TYPE_CHECKING:
    import napari

    from napari_sam2.inference.protocol import Predictor

_REFRESH_MS = 120
"""Milliseconds for which changes are collected before the panels are refreshed."""


class SegmentTrackWidget(QScrollArea):
    """Prompts, propagation, the objects and saving, for one viewer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    make_predictor : Callable or None
        Returns the model, in place of the one chosen in the widget.
    catalog : ModelCatalog or None
        The models to choose from; None for the released ones.
    """

    def __init__(
        self,
        napari_viewer: "napari.Viewer",
        make_predictor: "Callable[[], Predictor] | None" = None,
        catalog: ModelCatalog | None = None,
    ) -> None:
        super().__init__()
        self.viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        preferences = read_preferences()
        self.controller = SegmentationController(self.viewer, preferences.label_format)
        self.state = self.controller.state
        self.keys = KeyBindings(self.viewer, preferences.keys)
        key = self.keys.key
        self.images = ImagePanel(self.viewer)
        self.ct_window = CtWindowPanel(self.controller)
        self.model = ModelPanel(ModelChoice(preferences.model, preferences.device))
        catalog = catalog or (None if make_predictor else HubCatalog())
        self.models = ModelController(self.model, self.controller, catalog, make_predictor)
        self.tools = ToolPanel(self.controller, key)
        self.objects = ObjectTable(self.state, self.controller.accept_save)
        self.timeline = TimelinePanel(self.state, self.controller.runs)
        self.propagation = PropagationPanel(self.controller, key)
        self.refinement = RefinementPanel(self.viewer, self.controller.refinement, key)
        self.status = StatusPanel()
        self.hint = GettingStartedHint(key, preferences.hint)
        self.advanced = AdvancedPanel(self.controller, preferences.hover)
        self._make_buttons(key)
        self._content = QWidget()
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.setInterval(_REFRESH_MS)
        self._refresh_timer.timeout.connect(self.refresh)
        self._arrange()
        self._connect()
        self._bind_keys()
        self._start()

    def _make_buttons(self, key: Callable[[Action], str]) -> None:
        self.accept = button(
            "Accept, next",
            key(Action.ACCEPT),
            "Accept this object and start a new one.",
            self.controller.accept_save.accept,
        )
        self.save = button(
            "Save", key(Action.SAVE), "Save the accepted labels to a file.", self._save
        )
        self.save_as = button("Save as…", "", "Choose the file and its format.", self._save_as)

    def _arrange(self) -> None:
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(6)
        parts = (
            self.status,
            self.hint,
            self.images,
            self.ct_window,
            self.model,
            heading("Prompts"),
            self.tools,
            heading("Objects"),
            self.objects,
            self.timeline,
            self.propagation,
            self.refinement,
            self.accept,
            row(self.save, self.save_as),
            self.advanced,
        )
        for part in parts:
            layout.addWidget(part)
        layout.addStretch(1)
        self.setWidget(self._content)
        self.setWidgetResizable(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._fit_width()

    def _fit_width(self) -> None:
        """Make the widget as wide as its content and a vertical scroll bar."""
        bar = self.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(max(310, self._content.minimumSizeHint().width() + bar))

    def _connect(self) -> None:
        state = self.state
        state.changed.connect(self._schedule_refresh)
        state.session_changed.connect(self._session_changed)
        state.notice.connect(self.status.show_notice)
        state.fault.connect(self.show_error)
        state.run_ended.connect(self.propagation.refresh)
        self.images.chosen.connect(self.begin)
        self.models.ready.connect(self._model_ready)
        self.objects.jump.connect(self.timeline.review.next_frame)
        state.run_summarized.connect(self._run_summarized)
        self.timeline.attach()
        removed = self.viewer.layers.events.removed
        removed.connect(self._layer_removed)
        self._release = _Release(
            self._refresh_timer.stop,
            self.keys.release,
            self.images.release,
            lambda: removed.disconnect(self._layer_removed),
            self.propagation.close_activity,
            self.refinement.release,
            self.timeline.detach,
            self.models.close,
            self.controller.close,
        )
        self.destroyed.connect(self._release)

    def _bind_keys(self) -> None:
        controller, tools = self.controller, self.tools
        self.keys.bind(
            {
                Action.PROPAGATE: controller.propagate,
                Action.STOP: controller.runs.stop,
                Action.ACCEPT: controller.accept_save.accept,
                Action.CANDIDATE: controller.predictions.next_candidate,
                Action.REFINE: controller.refinement.refine_frame,
                Action.SAVE: self._save,
                Action.JUMP: self.timeline.review.next_frame,
                Action.SIGN: tools.flip_sign,
                Action.UNDO: controller.undo,
                Action.REDO: controller.redo,
                Action.POINT: lambda: tools.use(Tool.POINT),
                Action.BOX: lambda: tools.use(Tool.BOX),
                Action.OUTLINE: lambda: tools.use(Tool.OUTLINE),
                Action.PAINT: lambda: tools.use(Tool.PAINT),
            }
        )

    def _start(self) -> None:
        existing = LayerSync.find(self.viewer)
        if existing is not None:
            self.controller.adopt(existing)
            self.models.adopt(existing.sessions.predictor)
            self.tools.use(Tool.POINT)
        else:
            self.models.load()
        self.refresh()

    def _model_ready(self) -> None:
        self.status.clear_error()
        if self.state.sync is None:
            self.begin()

    def begin(self) -> None:
        """Start a session on the chosen image, if a model is loaded."""
        if self.state.predictor is None or not self.images.images:
            return
        try:
            self.controller.begin(self.images.images, self.images.axis)
        except UserError as error:
            self.show_error(ErrorMessage.of(error))
            return
        self.status.clear_error()
        self.tools.use(Tool.POINT)

    def show_error(self, message: ErrorMessage) -> None:
        """Show an error with its remedies, here and as a napari notification."""
        self.status.show_error(message.text, self.models.remedies(message))
        show_error(message.text)
        self._schedule_refresh()

    def _run_summarized(self, summary: RunSummary) -> None:
        larger = self.models.larger() if summary.advice else None
        buttons = (self.timeline.review.jump_button(summary), larger)
        found = [made for made in buttons if made is not None]
        self.status.show_notice(self.status.notice.text(), found)

    def _session_changed(self) -> None:
        self.propagation.show_session()
        self._schedule_refresh()

    def _save(self) -> None:
        self.controller.accept_save.save()

    def _save_as(self) -> None:
        kinds = (
            "TIFF (*.tif);;OME-Zarr (*.ome.zarr);;Zarr (*.zarr);;NIfTI (*.nii.gz *.nii);;"
            "COCO (*.coco.json);;Folder of PNG (*.png)"
        )
        path, _ = QFileDialog.getSaveFileName(self, "Save labels", "labels.tif", kinds)
        if path:
            self.controller.accept_save.save(Path(path))
            show_info(f"Saving to {path}")

    def _schedule_refresh(self) -> None:
        if not self._refresh_timer.isActive():
            self._refresh_timer.start()

    def refresh(self) -> None:
        """Update all panels."""
        self.objects.refresh()
        self.timeline.refresh()
        self.propagation.refresh()
        self.refinement.refresh()
        self.tools.refresh()
        self.advanced.refresh()
        for made in (self.accept, self.save, self.save_as):
            made.setEnabled(self.state.sync is not None)
        now = self.workflow_state()
        if now.accepted:
            self.hint.dismiss()
        self.status.show_next(next_step(now))
        self.status.show_states(self._states())
        self._fit_width()

    def workflow_state(self) -> WorkflowState:
        """Return how far the user is in the workflow."""
        state = self.state
        has_image, loading = bool(self.images.images), self.models.awaited
        session, progress = state.session, state.progress(state.current)
        if session is None or progress is None:
            return WorkflowState(has_image=has_image, loading=loading)
        return WorkflowState(
            has_image=True,
            loading=loading,
            session=True,
            prompts=len(session.prompts.frames(state.current)),
            frames_done=progress.frames,
            frames=state.n_frames,
            running=state.running is not None,
            refining=state.refining,
            accepted=state.accepted_count(),
            unsaved=state.unsaved,
        )

    def _states(self) -> list[str]:
        predictor, states = self.state.predictor, []
        if predictor is not None:
            info = predictor.info
            states.append("CPU in use: a GPU is faster" if info.device == "cpu" else info.device)
            if self.model.license:
                states.append(f"{info.name}: license {self.model.license}")
            if not info.trained:
                states.append("untrained model: its masks are meaningless")
        if self.state.sync is not None and self.state.unsaved:
            states.append("not saved")
        elif self.state.saved is not None:
            states.append(f"saved: {self.state.saved.name}")
        return states

    def _layer_removed(self, event: Any) -> None:
        self._schedule_refresh()

    def release(self) -> None:
        """Unbind the keys, disconnect from the viewer and end the threads."""
        self._release()

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Release everything with the window."""
        self.release()
        super().closeEvent(event)


class _Release:
    """Runs steps once, and skips those whose Qt object was deleted.

    Parameters
    ----------
    *steps : Callable
        The steps, in order.
    """

    def __init__(self, *steps: Callable[[], Any]) -> None:
        self._steps = list(steps)

    def __call__(self, *_: Any) -> None:
        steps, self._steps = self._steps, []
        for step in steps:
            with suppress(RuntimeError):
                step()
