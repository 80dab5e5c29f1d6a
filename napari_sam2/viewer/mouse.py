"""Clicks on the canvas beside napari's own tools.

Alt+click adds a point outside the object. With the point tool, clicks count while the image is the
active layer too. Ctrl+click, or a click without a tool, selects the object under the pointer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.viewer.layers.layer_set import LayerRole
from napari_sam2.viewer.layers.points import OUTSIDE
from napari_sam2.viewer.tools import PAN, Tool

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_sam2.viewer.layer_sync import LayerSync
    from napari_sam2.viewer.tools import ToolSelection

_ADD = "add"
_CLICK_DISTANCE = 5
"""Pixels of the canvas that the pointer may move in a click, as in napari."""


class CanvasClicks:
    """Adds points and selects objects by clicks on the image.

    Parameters
    ----------
    sync : LayerSync
        The session's layers.
    tools : ToolSelection
        The tool in use.
    """

    def __init__(self, sync: LayerSync, tools: ToolSelection) -> None:
        self._sync = sync
        self._tools = tools
        sync.viewer.mouse_drag_callbacks.append(self._press)

    def release(self) -> None:
        """Disconnect from the viewer."""
        self._sync.viewer.mouse_drag_callbacks.remove(self._press)

    def _press(self, viewer: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or self._tools.obstacle:
            return
        start, selects = np.asarray(event.pos), "Control" in event.modifiers
        tool, layer = self._tools.active, viewer.layers.selection.active
        mode = str(layer.mode) if selects and layer is not None else PAN
        if mode != PAN:  # Otherwise napari's tool acts on the same click.
            layer.mode = PAN
        yield
        while event.type == "mouse_move":
            yield
        if mode != PAN:
            layer.mode = mode
        if np.linalg.norm(start - np.asarray(event.pos)) >= _CLICK_DISTANCE:
            return
        if selects or (tool is None and self._is_ours(layer)):
            self._select(event)
        elif tool is Tool.POINT and self._tools.on_image:
            self._add_point(event)

    def _is_ours(self, layer: Any) -> bool:
        sync = self._sync
        ours = layer in sync.images or sync.layers.role(layer) is not None
        return ours and str(layer.mode) == PAN

    def _select(self, event: Any) -> None:
        """Make the object under the pointer the current one."""
        for role in (LayerRole.DRAFTS, LayerRole.RESULTS):
            layer = self._sync.layers.find(role)
            value = None if layer is None else layer.get_value(event.position, world=True)
            if value and value in self._sync.sessions.objects:
                self._sync.prompt_layers.select(int(value))
                return

    def _add_point(self, event: Any) -> None:
        points, prompts = self._sync.layers.points, self._sync.prompt_layers
        where = points.layer.world_to_data(event.position)
        if not self._sync.grid.inside(self._sync.grid.yx(where)):
            return
        sign = OUTSIDE if "Alt" in event.modifiers else prompts.sign
        points.set_next(prompts.current, sign)
        points.layer.add(where)
        points.set_next(prompts.current, prompts.sign)


class NegativeClickHandler:
    """Makes Alt+click with napari's point tool add a point outside the object.

    Parameters
    ----------
    sync : LayerSync
        The session's layers; a new points layer in place of a deleted one is handled too.
    """

    def __init__(self, sync: LayerSync) -> None:
        self._sync = sync
        self._layer: Points | None = None
        sync.events.layer_added.connect(self._connect)
        self._connect(LayerRole.POINTS, sync.layers.find(LayerRole.POINTS))

    def release(self) -> None:
        """Disconnect from the layer and its events."""
        self._sync.events.layer_added.disconnect(self._connect, missing_ok=True)
        self._disconnect()

    def _connect(self, role: LayerRole, layer: Any) -> None:
        if role is LayerRole.POINTS and layer is not None:
            self._disconnect()
            self._layer = layer
            layer.events.mode.connect(self._move_last)
            self._move_last()

    def _disconnect(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.mode.disconnect(self._move_last)
            layer.mouse_drag_callbacks.remove(self._press)

    def _move_last(self, event: Any = None) -> None:
        """Run after napari's own tool, which adds the point on release of the button."""
        if self._layer is not None:
            callbacks = self._layer.mouse_drag_callbacks
            if self._press in callbacks:
                callbacks.remove(self._press)
            callbacks.append(self._press)

    def _press(self, layer: Points, event: Any) -> Iterator[None]:
        if str(layer.mode) != _ADD or "Alt" not in event.modifiers:
            return
        prompts = self._sync.prompt_layers
        self._sync.layers.points.set_next(prompts.current, OUTSIDE)
        yield
        while event.type == "mouse_move":
            yield
        self._sync.layers.points.set_next(prompts.current, prompts.sign)
