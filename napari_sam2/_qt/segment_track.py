"""The panel "Segment and track", which its dock widget shows."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_sam2._qt.candidates.panel import CandidatePanel
from napari_sam2._qt.components import column, polish
from napari_sam2._qt.dock_shortcuts import DockShortcuts, actions_of
from napari_sam2._qt.docked import DockedWidget
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2._qt.lineage.panel import LineagePanel
from napari_sam2._qt.measurements.panel import MeasurementPanel
from napari_sam2._qt.model_controller import ModelController
from napari_sam2._qt.notices import Notices
from napari_sam2._qt.panels.advanced import AdvancedPanel
from napari_sam2._qt.panels.foot import FootPanel
from napari_sam2._qt.panels.frame_edits import FrameEditPanel
from napari_sam2._qt.panels.header import HeaderPanel
from napari_sam2._qt.panels.image import ImagePanel
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2._qt.panels.objects import ObjectPanel
from napari_sam2._qt.panels.refinement import RefinementPanel
from napari_sam2._qt.panels.status import GettingStartedHint, StatusPanel, lasting_states
from napari_sam2._qt.panels.tools import ToolPanel
from napari_sam2._qt.steps import run_at_once
from napari_sam2._qt.timeline.panel import TimelinePanel
from napari_sam2._qt.unsaved_work.session_saving import SessionSaving
from napari_sam2._qt.unsaved_work.unsaved_guard import UnsavedGuard
from napari_sam2.core.errors import UserError
from napari_sam2.inference.model_catalog import HubCatalog, ModelCatalog, ModelChoice
from napari_sam2.viewer.guidance import WorkflowState, next_step
from napari_sam2.viewer.keys import Action, KeyBindings
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.preferences import PluginPreferences, read_preferences
from napari_sam2.viewer.tools import Tool

if TYPE_CHECKING:
    import napari

    from napari_sam2.inference.protocol import Predictor

_REFRESH_MS = 120
"""Milliseconds for which changes are collected before the panels are refreshed."""


class SegmentTrackPanel(DockedWidget):
    """Prompts, propagation, the objects and saving, for one viewer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    make_predictor : Callable or None
        Returns the model, in place of the one chosen in the widget.
    catalog : ModelCatalog or None
        The models to choose from; None for the released ones.
    run_steps : Callable
        Runs the steps that make the panel, e.g. one by one in the event loop.
    """

    def __init__(
        self,
        napari_viewer: "napari.Viewer",
        make_predictor: "Callable[[], Predictor] | None" = None,
        catalog: ModelCatalog | None = None,
        run_steps: Callable[[Iterator[None]], Any] = run_at_once,
    ) -> None:
        super().__init__()
        self.viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        run_steps(self._make(make_predictor, catalog))

    def _make(
        self, make_predictor: "Callable[[], Predictor] | None", catalog: ModelCatalog | None
    ) -> Iterator[None]:
        """Make all parts and connect to the viewer."""
        preferences = read_preferences()
        yield
        self.controller = SegmentationController(self.viewer, preferences.label_format)
        self.state = self.controller.state
        self.saving = SessionSaving(self.state, self)
        self.keys = KeyBindings(self.viewer, preferences.keys)
        self.middle = QScrollArea()
        self._refreshing = False
        self._refresh_timer = self._timer(_REFRESH_MS, self.refresh)
        self._tool_timer = self._timer(0, self._use_point_tool)
        self._arrange()
        catalog = catalog or (None if make_predictor else HubCatalog())
        yield from self._make_header(preferences, catalog, make_predictor)
        yield from self._make_middle(preferences)
        yield from self._make_foot()
        self._connect()
        self.shortcuts = DockShortcuts(self, self._actions(), self.keys)
        yield
        self.attach()

    def _make_header(
        self,
        preferences: PluginPreferences,
        catalog: ModelCatalog | None,
        make_predictor: "Callable[[], Predictor] | None",
    ) -> Iterator[None]:
        self.images = ImagePanel(self.viewer)
        yield
        self.model = ModelPanel(
            ModelChoice(preferences.model, preferences.device, preferences.dtype)
        )
        self.models = ModelController(self.model, self.controller, catalog, make_predictor)
        yield
        self.header = HeaderPanel(self.controller, self.images, self.model, self.begin)
        self.layout().insertWidget(0, self.header)  # type: ignore[union-attr]
        yield from _polish(self.header)

    def _make_middle(self, preferences: PluginPreferences) -> Iterator[None]:
        layout = self._content.layout()
        for part in self._middle_parts(preferences):
            layout.addWidget(part)  # type: ignore[union-attr]
            yield from _polish(part)
        layout.setStretchFactor(self.objects, 1)  # type: ignore[union-attr]

    def _middle_parts(self, preferences: PluginPreferences) -> Iterator[QWidget]:
        controller, key = self.controller, self.keys.key
        self.hint = GettingStartedHint(key, preferences.hint)
        yield self.hint
        self.tools = ToolPanel(controller, key)
        yield self.tools
        # The table of objects is made after this panel.
        self.candidates = CandidatePanel(controller, key, lambda: self.objects.table.selected_ids())
        yield self.candidates
        self.objects = ObjectPanel(controller, key)
        yield self.objects
        self.timeline = TimelinePanel(self.state, controller.runs)
        yield self.timeline
        self.frame_edits = FrameEditPanel(controller, key)
        yield self.frame_edits
        self.refinement = RefinementPanel(self.viewer, controller.refinement, key)
        yield self.refinement
        self.lineage = LineagePanel(controller, key)
        yield self.lineage
        self.measurements = MeasurementPanel(self.state, self.objects.table.selected_ids)
        yield self.measurements
        self.advanced = AdvancedPanel(controller, preferences.hover)
        yield self.advanced

    def _make_foot(self) -> Iterator[None]:
        self.status = StatusPanel()
        self.layout().addWidget(self.status)  # type: ignore[union-attr]
        yield from _polish(self.status)
        self.foot = FootPanel(self.controller, self.keys.key)
        self.layout().addWidget(self.foot)  # type: ignore[union-attr]
        yield from _polish(self.foot)

    def _timer(self, milliseconds: int, call: Callable[[], Any]) -> QTimer:
        made = QTimer(self)
        made.setSingleShot(True)
        made.setInterval(milliseconds)
        made.timeout.connect(call)
        return made

    def _arrange(self) -> None:
        self._content = column()
        self._content.layout().setContentsMargins(0, 0, 4, 0)  # type: ignore[union-attr]
        self.middle.setWidget(self._content)
        self.middle.setWidgetResizable(True)
        self.middle.setFrameShape(self.middle.Shape.NoFrame)
        self.middle.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.middle, 1)

    def _fit_width(self) -> None:
        """Make the widget as wide as its content and a vertical scroll bar."""
        bar = self.middle.verticalScrollBar().sizeHint().width()
        content = self.middle.widget()
        needed = (content or self).minimumSizeHint().width() + bar
        self.middle.setMinimumWidth(max(300, needed))

    def _connect(self) -> None:
        state = self.state
        state.changed.connect(self._schedule_refresh)
        state.session_changed.connect(self._session_changed)
        state.notice.connect(self.status.show_notice)
        state.fault.connect(self.show_error)
        state.run_ended.connect(self.foot.refresh)
        state.contrast_changed.connect(self._schedule_refresh)
        self.images.chosen.connect(self.begin)
        self.models.ready.connect(self._model_ready)
        self.objects.table.jump.connect(self.timeline.review.next_frame)
        self.objects.table.tracks_wanted.connect(self.lineage.tracks.show)
        review, ct_window = self.timeline.review, self.header.ct_window
        self.notices = Notices(self.status, self.controller, self.models, review, ct_window)

    def attached(self) -> None:
        """Connect to the viewer, and continue its segmentation or load a model."""
        self.viewer.layers.events.removed.connect(self._schedule_refresh)
        self.viewer.events.theme.connect(self._theme_changed)
        self._theme_changed()
        self.images.attach()
        self.refinement.attach()
        self.timeline.attach()
        self.measurements.attach()
        self.models.open()
        self.controller.open()
        self.saving.attach()
        self.keys.bind(self._actions())
        self._start()

    def release(self) -> None:
        """Release everything; a click on the layers changes nothing any more."""
        if self.controller.tools is not None:
            self.controller.tools.stop()
        super().release()

    def steps_of_release(self) -> Iterable[Callable[[], Any]]:
        """Return what ends keys, connections and threads."""
        removed, refresh = self.viewer.layers.events.removed, self._schedule_refresh
        theme, theme_changed = self.viewer.events.theme, self._theme_changed
        return (
            self.candidates.jobs.clear,
            self._refresh_timer.stop,
            self._tool_timer.stop,
            self.keys.release,
            self.images.detach,
            lambda: removed.disconnect(refresh),
            lambda: theme.disconnect(theme_changed),
            self.foot.close_activity,
            self.refinement.detach,
            self.timeline.detach,
            self.measurements.detach,
            self.models.close,
            self.controller.close,
            self.saving.detach,
        )

    def _actions(self) -> dict[Action, Callable[[], Any]]:
        return actions_of(self.controller, self.tools, self.timeline.review, self.objects.table)

    def _start(self) -> None:
        existing = LayerSync.find(self.viewer)
        if existing is not None:
            self.controller.adopt(existing)
            self.models.adopt(existing.sessions.predictor)
            self._tool_timer.start()
        elif self.state.predictor is None:
            self.models.load()
        else:
            self.begin()
        self.refresh()

    def _model_ready(self) -> None:
        self.status.clear_error()
        if self.state.sync is None:
            self.begin()

    def begin(self) -> None:
        """Start a session on the chosen image, if a model is loaded."""
        if self.state.predictor is None or not self.images.images:
            return
        self.status.clear_notice()
        try:
            self.controller.begin(self.images.images, self.images.axis)
        except UserError as error:
            self.show_error(ErrorMessage.of(error))
            return
        self.status.clear_error()
        self._tool_timer.start()

    def _use_point_tool(self) -> None:
        """Select the point tool after napari has made a new image the active layer."""
        self.tools.use(Tool.POINT)

    def show_error(self, message: ErrorMessage) -> None:
        """Show an error with its remedies, here and as a napari notification."""
        remedies = (*self.models.remedies(message), *self.saving.remedies(message))
        self.status.show_error(message.text, remedies)
        show_error(message.text)
        self._schedule_refresh()

    def _session_changed(self) -> None:
        tools, sync = self.controller.tools, self.state.sync
        if sync is not None:
            self.images.show_choice(sync.images, sync.sessions.axis_choice)
        if tools is not None:
            tools.events.changed.connect(self.tools.refresh)
            tools.events.changed.connect(self._schedule_refresh)
            tools.events.notice.connect(self.status.show_notice)
        self._schedule_refresh()

    def _theme_changed(self, event: Any = None) -> None:
        self.tools.set_color(get_theme(self.viewer.theme).icon.as_hex())

    def _schedule_refresh(self, _: Any = None) -> None:
        if not self._refresh_timer.isActive():
            self._refresh_timer.start()

    def refresh(self) -> None:
        """Update all panels; if an update is under way, another one follows it."""
        if self._refreshing:
            self._schedule_refresh()
            return
        self._refreshing = True
        try:
            self._refresh_panels()
        finally:
            self._refreshing = False

    def _refresh_panels(self) -> None:
        UnsavedGuard.install(self, self.viewer)
        self.header.refresh()
        self.candidates.refresh()
        self.objects.refresh()
        self.foot.refresh()
        self.timeline.refresh()
        self.frame_edits.refresh()
        self.lineage.refresh()
        self.refinement.refresh()
        self.measurements.refresh()
        self.tools.refresh()
        self.advanced.refresh()
        now = self.workflow_state()
        if now.accepted:
            self.hint.dismiss()
        self.status.show_next(next_step(now, self.keys.key))
        self.status.show_states(lasting_states(self.state, self.model.license))
        self._fit_width()

    def workflow_state(self) -> WorkflowState:
        """Return how far the user is in the workflow."""
        tools = self.controller.tools
        return self.state.workflow(
            WorkflowState(
                has_image=bool(self.images.images),
                loading=self.models.awaited,
                clicking=tools is None or tools.active is not None,
                candidates=self.candidates.count,
            )
        )


def _polish(part: QWidget) -> Iterator[None]:
    """Give a part its style, as a step of its own."""
    yield
    polish(part)
    yield
