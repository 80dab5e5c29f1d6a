"""Buttons for the prompt tools, the sign of points, other masks and undo."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam2._qt.components import button, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.viewer.keys import Action


class Tool(Enum):
    """How the user marks an object; the value is the mode of the napari layer."""

    POINT = "add"
    BOX = "add_rectangle"
    OUTLINE = "add_polygon_lasso"
    PAINT = "paint"


_BUTTONS = {
    Tool.POINT: ("Point", Action.POINT, "Click inside the object, or outside to correct it."),
    Tool.BOX: ("Box", Action.BOX, "Drag a box around the object."),
    Tool.OUTLINE: ("Outline", Action.OUTLINE, "Draw the outline of the mask."),
    Tool.PAINT: ("Paint", Action.PAINT, "Paint, fill and erase the mask by hand."),
}


class ToolPanel(QWidget):
    """Selects the tool and the meaning of the next click.

    Parameters
    ----------
    controller : SegmentationController
        Has the layers of the tools; predicts and undoes.
    key : Callable
        Returns the key of an action.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        controller: SegmentationController,
        key: Callable[[Action], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = controller.state
        self._sign_key = key(Action.SIGN)
        self.buttons = {
            tool: button(text, key(action), tip, partial(self.use, tool), checkable=True)
            for tool, (text, action, tip) in _BUTTONS.items()
        }
        self.sign = button(
            "Inside",
            self._sign_key,
            "Whether the next points lie inside or outside the object.",
            self.flip_sign,
        )
        self.candidate = button(
            "Another mask",
            key(Action.CANDIDATE),
            "Show the next mask that a single click can mean: whole, part or subpart.",
            controller.predictions.next_candidate,
        )
        self.undo = button(
            "Undo",
            key(Action.UNDO),
            "Undo the last step.",
            controller.undo,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(row(self.buttons[Tool.POINT], self.buttons[Tool.BOX]))
        layout.addWidget(row(self.buttons[Tool.OUTLINE], self.buttons[Tool.PAINT]))
        layout.addWidget(row(self.sign, self.undo))
        layout.addWidget(self.candidate)

    def use(self, tool: Tool) -> None:
        """Activate the layer of a tool, in the tool's mode."""
        sync = self._state.sync
        for each, made in self.buttons.items():
            made.setChecked(each is tool and sync is not None)
        if sync is not None:
            layer = self._layer(tool)
            sync.viewer.layers.selection.active = layer
            layer.mode = tool.value

    def _layer(self, tool: Tool) -> Any:
        if self._state.sync is None:
            return None
        layers = self._state.sync.layers
        if tool is Tool.POINT:
            return layers.points.layer
        return layers.drafts if tool is Tool.PAINT else layers.shapes.layer

    def flip_sign(self) -> None:
        """Switch the next points between inside and outside, with the point tool."""
        if self._state.sync is not None:
            self._state.sync.prompt_layers.flip_sign()
            self.use(Tool.POINT)

    def refresh(self) -> None:
        """Show the sign of the next points."""
        text = "● Inside" if self._state.inside else "✕ Outside"
        self.sign.setText(f"{text}  [{self._sign_key}]")
        self.setEnabled(self._state.sync is not None)
