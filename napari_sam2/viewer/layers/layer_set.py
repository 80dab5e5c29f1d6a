"""The layers that the plugin adds beside the user's: made when needed, found by identity."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from napari.utils.colormaps import CyclicLabelColormap

from napari_sam2.viewer.image_layers import layer_transform
from napari_sam2.viewer.layers.points import PointsLayer
from napari_sam2.viewer.layers.shapes import ShapesLayer

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer, Points, Shapes

    from napari_sam2.images.coordinates import LayerCoordinates
    from napari_sam2.masks.label_array import DraftAndResultLabels

METADATA = "napari_sam2"
"""Key of the owner in the metadata of the layers."""
COLORS = (
    "transparent", "#39a7ff", "#ffb02e", "#3ddc97", "#ff6f91", "#b388ff", "#f9f871", "#00d4c8",
    "#ff8552", "#8be04e", "#f78fe0", "#5b8cff", "#e5c07b", "#4dd0e1", "#ff5c5c", "#a0d468",
    "#c792ea", "#ffd166", "#26c6a2", "#ef9a9a",
)  # fmt: skip
"""Colors of the labels, bright enough for gray images; napari repeats them."""


class LayerRole(Enum):
    """What a layer shows; the value ends the layer's name."""

    RESULTS = "SAM 2 labels"
    DRAFTS = "SAM 2 drafts"
    BOXES = "SAM 2 boxes"
    POINTS = "SAM 2 points"


class LayerSet:
    """The layers of one session in one viewer.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        The viewer to add layers to.
    image : Image
        The image layer; its name and its transform are copied.
    grid : LayerCoordinates
        The axes of the layers.
    labels : DraftAndResultLabels
        The arrays of the Labels layers.
    added : Callable
        Called with the role and the layer after a layer was added.
    owner : object
        Stored in the layers' metadata.
    """

    def __init__(
        self,
        viewer: Any,
        image: Image,
        grid: LayerCoordinates,
        labels: DraftAndResultLabels,
        added: Callable[[LayerRole, Any], None],
        owner: object,
    ) -> None:
        self.viewer = viewer
        self.image = image
        self.grid = grid
        self.labels = labels
        self._added = added
        self._owner = owner
        self._layers: dict[LayerRole, Layer] = {}

    def make_all(self) -> None:
        """Add the layers that are missing."""
        for role in LayerRole:
            self._get(role)

    def find(self, role: LayerRole) -> Any | None:
        """Return a layer, or None if it is not in the viewer."""
        layer = self._layers.get(role)
        return layer if layer is not None and layer in self.viewer.layers else None

    def role(self, layer: Any) -> LayerRole | None:
        """Return the role of a layer, or None for a layer of the user."""
        return next((role for role, own in self._layers.items() if own is layer), None)

    def forget(self, role: LayerRole) -> None:
        """Drop a layer that the user deleted; it is made again when it is needed."""
        self._layers.pop(role, None)

    @property
    def results(self) -> Labels:
        """Labels of the accepted objects."""
        return self._get(LayerRole.RESULTS)

    @property
    def drafts(self) -> Labels:
        """Labels of the objects that are not accepted."""
        return self._get(LayerRole.DRAFTS)

    @property
    def points(self) -> PointsLayer:
        """Point prompts."""
        return PointsLayer(self._get(LayerRole.POINTS), self.grid)

    @property
    def shapes(self) -> ShapesLayer:
        """Box prompts and outlines."""
        return ShapesLayer(self._get(LayerRole.BOXES), self.grid)

    def _get(self, role: LayerRole) -> Any:
        layer = self.find(role)
        return self._make(role) if layer is None else layer

    def _make(self, role: LayerRole) -> Any:
        active = self.viewer.layers.selection.active
        options = {
            "name": f"{self.image.name} - {role.value}",
            "metadata": {METADATA: self._owner},
            **layer_transform(self.image),
        }
        layer = self._add(role, options)
        self._layers[role] = layer
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active
        self._added(role, layer)
        return layer

    def _add(self, role: LayerRole, options: dict[str, Any]) -> Points | Shapes | Labels:
        if role is LayerRole.POINTS:
            return self.viewer.add_points(**PointsLayer.options(self.grid), **options)
        if role is LayerRole.BOXES:
            return self.viewer.add_shapes(**ShapesLayer.options(self.grid), **options)
        options["colormap"] = CyclicLabelColormap(COLORS)
        if role is LayerRole.RESULTS:
            return self.viewer.add_labels(self.labels.array, opacity=0.6, **options)
        return self.viewer.add_labels(self.labels.drafts.array, opacity=0.4, **options)
