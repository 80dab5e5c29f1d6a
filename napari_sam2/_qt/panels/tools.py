"""One row of icons: the prompt tools, the sign of points, other masks, undo and redo."""

from functools import partial

from napari_sam2._qt.command_panel import CommandPanel
from napari_sam2._qt.components import IconButton, elided, row
from napari_sam2._qt.icons import Icon
from napari_sam2.viewer.keys import Action
from napari_sam2.viewer.tools import Tool

_TOOLS = {
    Tool.POINT: (Icon.POINT, Action.POINT, "Point: click inside the object, or outside of it."),
    Tool.BOX: (Icon.BOX, Action.BOX, "Box: drag a box around the object."),
    Tool.OUTLINE: (Icon.OUTLINE, Action.OUTLINE, "Outline: draw the outline of the mask."),
    Tool.PAINT: (Icon.PAINT, Action.PAINT, "Paint: paint, fill and erase the mask by hand."),
}
_NAMES = {Tool.POINT: "Point", Tool.BOX: "Box", Tool.OUTLINE: "Outline", Tool.PAINT: "Paint"}


class ToolPanel(CommandPanel):
    """Selects the tool and the meaning of the next click, and shows the tool in use."""

    def make(self) -> None:
        """Make the parts of the panel."""
        self.buttons = {
            tool: IconButton(icon, self._key(action), tip, partial(self.use, tool), checkable=True)
            for tool, (icon, action, tip) in _TOOLS.items()
        }
        self._make_others()
        self.line = elided(1)
        self.line.setObjectName("sam2_tool")
        icons = row(*self.icons)
        icons.layout().addStretch(1)  # type: ignore[union-attr]
        self.arrange(icons, self.line, spacing=2)

    def _make_others(self) -> None:
        key, predictions = self._key, self._controller.predictions
        self.sign = IconButton(
            Icon.INSIDE,
            key(Action.SIGN),
            "Whether the next points lie inside or outside the object.",
            self.flip_sign,
        )
        self.per_click = IconButton(
            Icon.PER_CLICK,
            key(Action.OBJECT_PER_CLICK),
            "New object with each click, to mark many objects and propagate them together.",
            self.toggle_per_click,
            checkable=True,
        )
        self.candidate = IconButton(
            Icon.CANDIDATE,
            key(Action.CANDIDATE),
            "Another mask that a single click can mean (whole, part or smaller part).",
            predictions.next_candidate,
        )
        undo, redo = self._controller.undo, self._controller.redo
        self.undo = IconButton(Icon.UNDO, key(Action.UNDO), "Undo the last step.", undo)
        self.redo = IconButton(Icon.REDO, key(Action.REDO), "Redo what was undone last.", redo)

    @property
    def icons(self) -> tuple[IconButton, ...]:
        """All buttons, from left to right."""
        others = (self.sign, self.per_click, self.candidate, self.undo, self.redo)
        return (*self.buttons.values(), *others)

    def set_color(self, color: str) -> None:
        """Draw the icons in a color."""
        for made in self.icons:
            made.set_color(color)

    def use(self, tool: Tool) -> None:
        """Activate the layer of a tool, in the tool's mode."""
        if self._controller.tools is not None:
            self._controller.tools.use(tool)
        self.refresh()

    def flip_sign(self) -> None:
        """Switch the next points between inside and outside, with the point tool."""
        if self._state.sync is not None:
            self._state.sync.prompt_layers.flip_sign()
            self.use(Tool.POINT)

    def toggle_per_click(self) -> None:
        """Start a new object with each click, or go back to one object."""
        sync = self._state.sync
        if sync is None:
            return
        sync.new_object_per_click = not sync.new_object_per_click
        if sync.new_object_per_click:
            sync.start_object()
            self.use(Tool.POINT)
        self.refresh()

    def refresh(self) -> None:
        """Show the tool that the canvas uses, and the sign of the next points."""
        tools, sync = self._controller.tools, self._state.sync
        active = None if tools is None else tools.active
        obstacle = "" if tools is None else tools.obstacle
        for tool, made in self.buttons.items():
            made.setChecked(tool is active)
            made.setEnabled(tools is not None and not obstacle)
            made.set_obstacle(obstacle)
        self.sign.set_icon(Icon.INSIDE if self._state.inside else Icon.OUTSIDE)
        self.per_click.setChecked(sync is not None and sync.new_object_per_click)
        for made in (self.sign, self.per_click, self.candidate, self.undo, self.redo):
            made.setEnabled(sync is not None)
        self.line.setText(obstacle or self._line(active))

    def _line(self, active: Tool | None) -> str:
        sync = self._state.sync
        if sync is None:
            return ""
        if active is None:
            return f"No tool. Press {self._key(Action.POINT)} to click objects again."
        parts = [_NAMES[active]]
        if active is Tool.POINT:
            parts.append("inside" if self._state.inside else "outside")
        if sync.new_object_per_click and active is Tool.POINT:
            return " · ".join((*parts, "a new object with each click"))
        current, objects = sync.prompt_layers.current, sync.sessions.objects
        # A deleted object is the current one until the next one is selected.
        return " · ".join((*parts, objects[current].name) if current in objects else parts)
