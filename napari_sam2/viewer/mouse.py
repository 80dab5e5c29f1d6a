"""Alt and a click with the point tool: a point outside the object, without changing the tool."""

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
    """Listens to the mouse on our points layer, and on the one that takes its place.

    Parameters
    ----------
    sync : LayerSync
        Whose layer.
    """

    def __init__(self, sync: LayerSync) -> None:
        self._sync = sync
        self._layer: Points | None = None
        sync.events.made.connect(self._made)
        self._made(LayerRole.POINTS, sync.family.find(LayerRole.POINTS))

    def release(self) -> None:
        """Give the mouse back."""
        self._sync.events.made.disconnect(self._made, missing_ok=True)
        self._leave()

    def _made(self, role: LayerRole, layer: Any) -> None:
        if role is LayerRole.POINTS and layer is not None:
            self._leave()
            self._layer = layer
            layer.events.mode.connect(self._come_last)
            self._come_last()

    def _leave(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.mode.disconnect(self._come_last)
            layer.mouse_drag_callbacks.remove(self._press)

    def _come_last(self, event: Any = None) -> None:
        """Act after the tool of napari, which adds its point when the button is let go."""
        if self._layer is not None:
            callbacks = self._layer.mouse_drag_callbacks
            if self._press in callbacks:
                callbacks.remove(self._press)
            callbacks.append(self._press)

    def _press(self, layer: Points, event: Any) -> Iterator[None]:
        if str(layer.mode) != _ADD or "Alt" not in event.modifiers:
            return
        self._sync.family.points.next_is(self._sync.current, OUTSIDE)
        yield
        while event.type == "mouse_move":
            yield
        self._sync.family.points.next_is(self._sync.current, self._sync.sign)
