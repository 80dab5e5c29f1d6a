"""Alt+click with the point tool: a point outside the object, without switching the tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari_sam2.viewer.layers.layer_set import LayerRole
from napari_sam2.viewer.layers.points import OUTSIDE

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_sam2.viewer.layer_sync import LayerSync

_ADD = "add"


class NegativeClickHandler:
    """Makes Alt+click add a point outside the object.

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
