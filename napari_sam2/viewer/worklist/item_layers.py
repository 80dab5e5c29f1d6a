"""Remove the layers of a stack of a worklist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerRole

if TYPE_CHECKING:
    from napari.layers import Image


def remove_item_layers(viewer: Any, images: Sequence[Image]) -> None:
    """Remove the layers of an image and of its sessions, and close the sessions.

    What was edited is saved. No thread may use the sessions any more.
    """
    syncs = [sync for sync in LayerSync.all_of(viewer) if sync.images[0] in images]
    own = [sync.layers.find(role) for sync in syncs for role in LayerRole]
    for sync in syncs:
        sync.detach()
    for layer in (*own, *images):
        if layer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
    for sync in syncs:
        sync.sessions.close()
