"""The dock widget "Segment and track", which loads its panel in the background."""

from collections.abc import Callable, Iterable
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout

from napari_sam2._qt.docked import DockedWidget
from napari_sam2._qt.steps import StepRunner
from napari_sam2.core.background_imports import responsive_imports

if TYPE_CHECKING:
    import napari

    from napari_sam2._qt.segment_track import SegmentTrackPanel
    from napari_sam2.inference.model_catalog import ModelCatalog
    from napari_sam2.inference.protocol import Predictor

_PANEL_MODULE = "napari_sam2._qt.segment_track"
POLL_MS = 15
_WIDTH = 320
PARTS = frozenset(
    {
        "controller",
        "state",
        "keys",
        "images",
        "model",
        "models",
        "header",
        "tools",
        "objects",
        "candidates",
        "timeline",
        "refinement",
        "lineage",
        "frame_edits",
        "measurements",
        "status",
        "hint",
        "advanced",
        "foot",
        "middle",
        "shortcuts",
        "saving",
        "notices",
        "begin",
        "refresh",
        "show_error",
        "workflow_state",
    }
)
"""Attributes of the panel that this widget has, too."""


class SegmentTrackWidget(DockedWidget):
    """Prompts, propagation, the objects and saving, for one viewer.

    The window stays responsive when it is opened: a thread imports the modules of the panel, which
    takes about a second the first time, and then the panel is made in steps. The attributes of the
    panel are also those of the widget. To read one before the panel is loaded makes it at once.

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
        catalog: "ModelCatalog | None" = None,
    ) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self._panel: SegmentTrackPanel | None = None
        self._make_predictor = make_predictor
        self._catalog = catalog
        self._loading = PanelModules()
        self._message = QLabel("Loading...")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        # Without a part that grows, napari adds an empty one, which would stay above the panel.
        policy = self._message.sizePolicy()
        self._message.setSizePolicy(policy.horizontalPolicy(), policy.Policy.Expanding)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._check_modules)
        self._steps = StepRunner(self)
        self._steps.finished.connect(self._show_panel)
        self._steps.failed.connect(self._panel_failed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._message)
        self.setMinimumWidth(_WIDTH)
        self.attach()

    @property
    def loaded(self) -> bool:
        """Whether the panel was made."""
        return self._panel is not None and not self._steps.running

    @property
    def panel(self) -> "SegmentTrackPanel":
        """The panel; it is made now if it was not made before.

        Raises
        ------
        ImportError
            If a module of the panel cannot be imported.
        """
        panel = self._panel or self._begin_panel()
        self._steps.finish()
        return panel

    def _begin_panel(self) -> "SegmentTrackPanel":
        self._timer.stop()
        made = import_module(_PANEL_MODULE).SegmentTrackPanel
        self._panel = panel = made(
            self.viewer, self._make_predictor, self._catalog, run_steps=self._steps.run
        )
        # Hidden parts of the window get their style one by one, not all when they are shown.
        panel.hide()
        self.layout().addWidget(panel)  # type: ignore[union-attr]
        return panel

    def _show_panel(self) -> None:
        if self._panel is not None:
            self._message.hide()
            self.setMinimumWidth(0)
            self._panel.show()

    def __getattr__(self, name: str) -> Any:
        if name not in PARTS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.panel, name)

    def attached(self) -> None:
        """Load the panel, or connect it to the viewer again."""
        if self._panel is None:
            self._loading.start()
            self._timer.start()
        elif self._steps.running:
            self._steps.resume()
        else:
            self._panel.attach()

    def steps_of_release(self) -> Iterable[Callable[[], Any]]:
        """Return what ends loading and releases the panel."""
        return self._timer.stop, self._steps.pause, self._release_panel

    def _release_panel(self) -> None:
        if self._panel is not None and self.loaded:
            self._panel.release()

    def _check_modules(self) -> None:
        """Begin the panel once its modules are imported, or show why they are not."""
        if self._loading.running:
            return
        self._timer.stop()
        if self._loading.error is None:
            self._begin_panel()
        else:
            self._show_failure(self._loading.error)

    def _panel_failed(self, error: BaseException) -> None:
        if self._panel is not None:
            self._panel.hide()
            self._panel.deleteLater()
            self._panel = None
        self._show_failure(error)

    def _show_failure(self, error: BaseException) -> None:
        self._message.setText(
            f"The widget cannot be loaded: {error}. Install napari-sam2 again with all its "
            "dependencies, and restart napari."
        )


class PanelModules:
    """The modules of the panel, imported by a thread.

    Attributes
    ----------
    error : Exception or None
        Why the import failed.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._thread = Thread(target=self._import, name="napari-sam2 import", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread is importing."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, once."""
        if self._thread.ident is None:
            self._thread.start()

    def _import(self) -> None:
        # Whatever an import raises is shown in the widget.
        try:
            with responsive_imports():
                import_module(_PANEL_MODULE)
        except Exception as error:
            self.error = error
