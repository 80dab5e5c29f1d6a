"""The layers that the plugin adds beside the user's: made when needed, found by identity."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Points, Shapes, Tracks

from napari_sam2.viewer.image_layers import layer_transform
from napari_sam2.viewer.layers.candidates import CandidatesLayer
from napari_sam2.viewer.layers.colors import label_colormap
from napari_sam2.viewer.layers.lazy_planes import lazy_planes
from napari_sam2.viewer.layers.points import PointsLayer
from napari_sam2.viewer.layers.shapes import ShapesLayer
from napari_sam2.viewer.layers.tracks import TracksLayer

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_sam2.images.coordinates import LayerCoordinates
    from napari_sam2.masks.label_array import DraftAndResultLabels

METADATA = "napari_sam2"
"""Key of the owner in the metadata of the layers."""


class LayerRole(Enum):
    """What a layer shows, from the lowest to the highest; the value begins the layer's name."""

    RESULTS = "SAM 2 labels"
    DRAFTS = "SAM 2 drafts"
    CANDIDATES = "SAM 2 candidates"
    TRACKS = "SAM 2 tracks"
    BOXES = "SAM 2 boxes"
    POINTS = "SAM 2 points"


_FIRST = (LayerRole.DRAFTS, LayerRole.POINTS)
"""The layers of a new session; the others are made when they are needed."""


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

    def make_first(self) -> None:
        """Add the layers that every session needs."""
        for role in _FIRST:
            self.get(role)

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
        return self.get(LayerRole.RESULTS)

    @property
    def drafts(self) -> Labels:
        """Labels of the objects that are not accepted."""
        return self.get(LayerRole.DRAFTS)

    @property
    def candidates(self) -> CandidatesLayer:
        """Outlines of candidates for objects."""
        return CandidatesLayer(self.get(LayerRole.CANDIDATES), self.image, self.grid)

    @property
    def tracks(self) -> TracksLayer:
        """Tracks of all objects with their lineage."""
        return TracksLayer(self.get(LayerRole.TRACKS), self.grid)

    @property
    def points(self) -> PointsLayer:
        """Point prompts."""
        return PointsLayer(self.get(LayerRole.POINTS), self.grid)

    @property
    def shapes(self) -> ShapesLayer:
        """Box prompts and outlines."""
        return ShapesLayer(self.get(LayerRole.BOXES), self.grid)

    @property
    def present_shapes(self) -> ShapesLayer | None:
        """Box prompts and outlines, None before the layer is needed."""
        layer = self.find(LayerRole.BOXES)
        return None if layer is None else ShapesLayer(layer, self.grid)

    def get(self, role: LayerRole) -> Any:
        """Return a layer; it is made if it is not in the viewer."""
        layer = self.find(role)
        return self._make(role) if layer is None else layer

    def _make(self, role: LayerRole) -> Any:
        layers = self.viewer.layers
        active = layers.selection.active
        options = {
            "name": f"{role.value}: {self.image.name}",
            "metadata": {METADATA: self._owner},
            **layer_transform(self.image),
        }
        layer = self._new(role, options)
        layers.insert(self._place(role), layer)
        self._layers[role] = layer
        if active is not None and active in layers:
            layers.selection.active = active
        self._added(role, layer)
        return layer

    def _place(self, role: LayerRole) -> int:
        """Return the position in the layer list: below the layers of later roles, else on top."""
        roles = list(LayerRole)
        above = [self.find(other) for other in roles[roles.index(role) + 1 :]]
        layers = self.viewer.layers
        return min(
            (layers.index(layer) for layer in above if layer is not None), default=len(layers)
        )

    def _new(self, role: LayerRole, options: dict[str, Any]) -> Layer:
        if role is LayerRole.POINTS:
            return Points(**PointsLayer.options(self.grid), **options)
        if role is LayerRole.BOXES:
            return Shapes(**ShapesLayer.options(self.grid), **options)
        if role is LayerRole.TRACKS:
            return Tracks(**TracksLayer.options(self.grid), **options)
        if role is LayerRole.CANDIDATES:
            return Labels(**CandidatesLayer.options(self.grid), **options)
        options["colormap"] = label_colormap()
        if role is LayerRole.RESULTS:
            return Labels(lazy_planes(self.labels.array), opacity=0.6, **options)
        return Labels(lazy_planes(self.labels.drafts.array), opacity=0.4, **options)
