"""The layer that previews the mask of a click under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_sam2.viewer.image_layers import layer_transform
from napari_sam2.viewer.layers.colors import label_colormap
from napari_sam2.viewer.layers.single_plane import on_axes, plane_translate

if TYPE_CHECKING:
    from napari_sam2.images.coordinates import FixedPosition
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.viewer.layer_sync import LayerSync

PREVIEW = "napari_sam2_preview"
"""Key that marks the layer in its metadata."""
_OPACITY = 0.22


class PreviewLayer:
    """Shows one mask faintly; it is neither a prompt nor part of the labels.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        The viewer to show it in.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None

    @property
    def shown(self) -> bool:
        """Whether a mask is shown."""
        return self._layer is not None and bool(self._layer.visible)

    def show(self, sync: LayerSync, fixed: FixedPosition, result: FrameResult) -> None:
        """Show a mask at its place on the image."""
        grid, image = sync.grid, sync.images[0]
        mask = np.where(result.crop.logits > 0, result.object_id, 0).astype(np.uint16)
        data = on_axes(mask, grid)
        offset = result.crop.window.offset
        translate = plane_translate(image, grid, fixed, result.frame, offset)
        options = {**layer_transform(image), "translate": translate}
        if self._layer is None or self._layer not in self._viewer.layers:
            self._layer = self._add(sync, data, options)
            return
        layer = self._layer
        layer.data = data
        now = layer_transform(layer)
        for name in ("scale", "translate", "rotate", "shear", "affine"):
            if not np.array_equal(now[name], options[name]):
                setattr(layer, name, options[name])
        layer.visible = True

    def hide(self) -> None:
        """Hide the mask."""
        if self._layer is not None and self._layer.visible:
            self._layer.visible = False

    def remove(self) -> None:
        """Remove the layer from the viewer."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _add(self, sync: LayerSync, data: NDArray[Any], options: dict[str, Any]) -> Labels:
        layers = self._viewer.layers
        active = layers.selection.active
        made = Labels(
            data,
            name=f"SAM 2 preview: {sync.images[0].name}",
            metadata={PREVIEW: True},
            opacity=_OPACITY,
            colormap=label_colormap(),
            **options,
        )
        layers.insert(layers.index(active), made)
        layers.selection.active = active
        return made
