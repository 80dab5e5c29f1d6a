"""Which prompt tool the canvas uses: the active layer and its mode."""

from __future__ import annotations

from enum import Enum
from typing import Any

from psygnal import Signal, SignalGroup

from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerRole


class Tool(Enum):
    """How the user marks an object; the value is the mode of the napari layer."""

    POINT = "add"
    BOX = "add_rectangle"
    OUTLINE = "add_polygon_lasso"
    PAINT = "paint"


_ROLES = {
    Tool.POINT: LayerRole.POINTS,
    Tool.BOX: LayerRole.BOXES,
    Tool.OUTLINE: LayerRole.BOXES,
    Tool.PAINT: LayerRole.DRAFTS,
}
_MODES = {
    LayerRole.POINTS: {"add": Tool.POINT},
    LayerRole.BOXES: {
        "add_rectangle": Tool.BOX,
        "add_polygon_lasso": Tool.OUTLINE,
        "add_polygon": Tool.OUTLINE,
        "add_ellipse": Tool.OUTLINE,
    },
    LayerRole.DRAFTS: dict.fromkeys(("paint", "fill", "erase", "polygon"), Tool.PAINT),
}
PAN = "pan_zoom"
"""The mode of a layer in which the mouse moves the view."""


class ToolEvents(SignalGroup):
    """Signals of :class:`ToolSelection`."""

    changed = Signal()
    """The tool, or whether tools can be used, changed."""
    notice = Signal(str)
    """A message for the user."""


class ToolSelection:
    """Selects tools, and follows what the user selects in napari itself.

    Parameters
    ----------
    sync : LayerSync
        The layers of the tools.

    Attributes
    ----------
    events : ToolEvents
        Signals.
    """

    def __init__(self, sync: LayerSync) -> None:
        self.events = ToolEvents()
        self._sync = sync
        self._chosen = Tool.POINT
        self._suspended: Tool | None = None
        self._layers: list[Any] = []
        viewer = sync.viewer
        self._connections = (
            (viewer.layers.selection.events.active, self._changed),
            (viewer.dims.events.ndisplay, self._display_changed),
            (viewer.dims.events.order, self._display_changed),
        )
        for event, slot in self._connections:
            event.connect(slot)
        sync.events.layer_added.connect(self._follow)
        for role in LayerRole:
            self._follow(role, sync.layers.find(role))

    def stop(self) -> None:
        """Leave the layers in a mode in which a click changes nothing."""
        for layer in self._layers:
            if layer in self._sync.viewer.layers:
                layer.mode = PAN

    def release(self) -> None:
        """Disconnect from the viewer and the layers."""
        for event, slot in self._connections:
            event.disconnect(slot)
        self._sync.events.layer_added.disconnect(self._follow, missing_ok=True)
        for layer in self._layers:
            layer.events.mode.disconnect(self._mode_changed)
        self._layers.clear()

    @property
    def obstacle(self) -> str:
        """Why no tool can be used now, with what to do; empty if tools can be used."""
        sync = self._sync
        if sync.viewer.dims.ndisplay != 2:
            return "Switch back to the 2-D display to click and draw (Ctrl+Y)."
        if not sync.dims.shows_plane():
            plane = " and ".join(sync.grid.plane)
            return f"Show the axes {plane} in the canvas to click and draw (Ctrl+E rolls the axes)."
        return ""

    @property
    def active(self) -> Tool | None:
        """The tool that the next click uses; None if a click moves the view or does nothing."""
        layer = self._sync.viewer.layers.selection.active
        if layer is None or self.obstacle:
            return None
        if self.on_image:
            return Tool.POINT if self._chosen is Tool.POINT else None
        role = self._sync.layers.role(layer)
        return None if role is None else _MODES.get(role, {}).get(str(layer.mode))

    @property
    def on_image(self) -> bool:
        """Whether the active layer is the segmented image, in the mode that moves the view."""
        layer = self._sync.viewer.layers.selection.active
        return layer in self._sync.images and str(layer.mode) == PAN

    def use(self, tool: Tool) -> None:
        """Activate the layer of a tool, in the tool's mode."""
        if self.obstacle:
            self.events.notice.emit(self.obstacle)
            self.events.changed.emit()
            return
        layer = self._sync.layers.get(_ROLES[tool])
        self._chosen = tool
        layer.visible = True
        self._sync.viewer.layers.selection.active = layer
        layer.mode = tool.value
        self.events.changed.emit()

    def _follow(self, role: LayerRole, layer: Any) -> None:
        if layer is not None and role in _MODES and layer not in self._layers:
            self._layers.append(layer)
            layer.events.mode.connect(self._mode_changed)

    def _mode_changed(self, event: Any) -> None:
        layer = event.source
        role = self._sync.layers.role(layer)
        tool = None if role is None else _MODES.get(role, {}).get(str(layer.mode))
        if tool is not None and self.obstacle:
            self.events.notice.emit(self.obstacle)
            layer.mode = PAN
        elif tool is not None:
            self._chosen = tool
        self._changed()

    def _display_changed(self, event: Any = None) -> None:
        """Suspend the tool while no plane is shown, and use it again when one is shown."""
        layer = self._sync.viewer.layers.selection.active
        if self.obstacle:
            role = self._sync.layers.role(layer)
            if role in _MODES and str(layer.mode) != PAN:
                self._suspended = _MODES[role].get(str(layer.mode))
                layer.mode = PAN
        elif self._suspended is not None:
            tool, self._suspended = self._suspended, None
            if self._sync.layers.role(layer) is _ROLES[tool]:
                self.use(tool)
        self._changed()

    def _changed(self, event: Any = None) -> None:
        self.events.changed.emit()
