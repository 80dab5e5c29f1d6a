"""The layer with the tracks of all objects and their lineage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap

from napari_sam2.core.errors import UserError
from napari_sam2.viewer.layers.colors import COLORS

if TYPE_CHECKING:
    from napari.layers import Tracks

    from napari_sam2.export.tracking.track_table import TrackTable
    from napari_sam2.images.coordinates import LayerCoordinates

_COLOR = "lineage color"
"""The feature by which tracks are colored: a place on the colormap."""
_BY_ID = "track_id"


@dataclass(frozen=True)
class TracksLayer:
    """Shows tracks: each object one line, with lines from parents to daughters.

    Objects with the same first ancestor have the same color, that of its label.

    Parameters
    ----------
    layer : Tracks
        The layer.
    grid : LayerCoordinates
        The axes of the image.
    """

    layer: Tracks
    grid: LayerCoordinates

    @staticmethod
    def options(grid: LayerCoordinates) -> dict[str, Any]:
        """Return the arguments of ``Tracks`` for a layer that shows nothing yet.

        napari needs at least one vertex.
        """
        controls = np.linspace(0, 1, len(COLORS) + 1)
        colors = Colormap(list(COLORS), name=_COLOR, interpolation="zero", controls=controls)
        return {
            "data": np.concatenate([[1], np.zeros(len(grid.axes))])[None],
            "colormaps_dict": {_COLOR: colors},
        }

    def show(self, table: TrackTable) -> None:
        """Replace the tracks.

        Raises
        ------
        UserError
            If the axes of the image are in another order than napari's tracks need.
        """
        axes = f"t{table.movie.space.lower()}"
        if self.grid.axes != axes:
            raise UserError(
                f"Tracks are shown on images with the axes {axes}, and this one has "
                f"{self.grid.axes}. Export the tracks instead, or transpose the image."
            )
        layer = self.layer
        # napari warns if the feature to color by is missing in between.
        layer.color_by = _BY_ID
        layer.graph = {}
        layer.data = np.array([[s.object_id, s.frame, *s.center] for s in table.spots])
        founders = np.array([table.lineage.founder(s.object_id) for s in table.spots])
        places = ((founders - 1) % len(COLORS) + 0.5) / len(COLORS)
        layer.features = {"lineage": founders, _COLOR: places}
        layer.graph = {child: [p] for child, p in sorted(table.lineage.parents.items())}
        layer.color_by = _COLOR
