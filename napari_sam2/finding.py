"""Find the session that a viewer already has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.layer_family import METADATA

if TYPE_CHECKING:
    from napari_sam2.layer_sync import LayerSync


def find_sync(viewer: Any) -> LayerSync | None:
    """Return what keeps a viewer's layers and sessions in step, or None.

    Layers of ours carry it, so that a script and the widget share one session without any global
    registry.
    """
    for layer in viewer.layers:
        sync: LayerSync | None = layer.metadata.get(METADATA)
        if sync is not None and sync.alive and sync.family.role(layer) is not None:
            return sync
    return None
