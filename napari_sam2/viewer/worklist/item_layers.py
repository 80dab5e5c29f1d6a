"""Open a stack of a worklist as layers, and remove them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.viewer.contributions.reader import read
from napari_sam2.viewer.image_layers import SESSION_PATH
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerRole

if TYPE_CHECKING:
    from napari.layers import Image


def add_item_layers(viewer: Any, image: str, session: Path | None) -> list[Image]:
    """Open an image as layers that continue a saved session.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        The viewer.
    image : str
        A file, a folder or a URL.
    session : Path or None
        The folder of its session; None if it has none.

    Returns
    -------
    list of Image
        The new layers, one for each channel.

    Raises
    ------
    UserError
        If the image cannot be opened.
    """
    metadata = {} if session is None else {SESSION_PATH: str(session)}
    added: list[Image] = []
    for data, options, _ in read(image):
        options = {**options, "metadata": {**options["metadata"], **metadata}}
        layers = viewer.add_image(data, **options)
        added += layers if isinstance(layers, list) else [layers]
    return added


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
