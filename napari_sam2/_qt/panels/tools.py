"""The prompt tools, each with its key on it."""

from collections.abc import Callable
from enum import Enum
from functools import partial

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam2._qt.components import button, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.viewer.keys import Action
from napari_sam2.viewer.layers.points import INSIDE


class Tool(Enum):
    """How the user points at an object."""

    POINT = "add"
    BOX = "add_rectangle"
    OUTLINE = "add_polygon_lasso"
    PAINT = "paint"


class ToolPanel(QWidget):
    """Buttons that choose a tool, and what the next click means.

    Parameters
    ----------
    engine : SegmentationController
        Gives the layers.
    key : Callable
        Gives the key of an action.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        engine: SegmentationController,
        key: Callable[[Action], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        tips = {
            Tool.POINT: ("Point", Action.POINT, "Click inside the object, outside to trim it."),
            Tool.BOX: ("Box", Action.BOX, "Drag a box around the object."),
            Tool.OUTLINE: ("Outline", Action.OUTLINE, "Draw around the object: taken as it is."),
            Tool.PAINT: ("Paint", Action.PAINT, "Paint, fill and erase the mask by hand."),
        }
        self.buttons = {
            tool: button(text, key(action), tip, partial(self.use, tool), checkable=True)
            for tool, (text, action, tip) in tips.items()
        }
        self.sign = button(
            "Inside",
            key(Action.SIGN),
            "Whether clicks lie in the object or outside.",
            self.flip,
        )
        self.candidate = button(
            "Another mask",
            key(Action.CANDIDATE),
            "Whole, part or sub-part: what a single click may mean.",
            engine.next_candidate,
        )
        self.undo = button(
            "Undo", key(Action.UNDO), "Take the last prompt or sharper mask back.", self._undo
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(row(self.buttons[Tool.POINT], self.buttons[Tool.BOX]))
        layout.addWidget(row(self.buttons[Tool.OUTLINE], self.buttons[Tool.PAINT]))
        layout.addWidget(row(self.sign, self.undo))
        layout.addWidget(self.candidate)

    def use(self, tool: Tool) -> None:
        """Make a tool the one that the mouse uses."""
        sync = self._engine.sync
        for each, made in self.buttons.items():
            made.setChecked(each is tool and sync is not None)
        if sync is None:
            return
        family = sync.family
        layers = {
            Tool.POINT: lambda: family.points.layer,
            Tool.BOX: lambda: family.shapes.layer,
            Tool.OUTLINE: lambda: family.shapes.layer,
            Tool.PAINT: lambda: family.drafts,
        }
        layer = layers[tool]()
        sync.viewer.layers.selection.active = layer
        layer.mode = tool.value

    def flip(self) -> None:
        """Let clicks be outside, or inside again, with the point tool."""
        if self._engine.sync is not None:
            self._engine.sync.flip_sign()
            self.use(Tool.POINT)

    def _undo(self) -> None:
        if self._engine.sync is not None and not self._engine.sync.undo():
            self._engine.notice.emit("There is nothing to undo.")

    def show_sign(self) -> None:
        """Show what the next click means."""
        sync = self._engine.sync
        inside = sync is None or sync.sign == INSIDE
        key = self.sign.text().partition("[")[2]
        self.sign.setText(f"{'● Inside' if inside else '✕ Outside'}  [{key}")
        self.setEnabled(sync is not None)
