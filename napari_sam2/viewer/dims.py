"""The position of a viewer's sliders on an image, in pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True)
class ViewerDims:
    """Converts between a viewer's sliders and frames and planes of one image.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        The viewer whose sliders are read and moved.
    image : Image
        The image layer; its transform relates world and pixel coordinates.
    grid : LayerCoordinates
        The axes of the image.
    """

    viewer: Any
    image: Image
    grid: LayerCoordinates

    @property
    def point(self) -> Any:
        """The sliders' position in pixels of the image, one value for each of its axes."""
        world = self.viewer.dims.point
        return self.image.world_to_data(world[-self.image.ndim :])

    @property
    def frame(self) -> int:
        """The frame that is shown."""
        return self.grid.frame(self.point)

    @property
    def fixed(self) -> FixedPosition:
        """The position on the axes that are neither propagated nor in the plane."""
        return self.grid.fixed(self.point)

    def show_plane(self, index: PlaneIndex) -> None:
        """Move the sliders to a plane, given by its full index."""
        # A layer can have its axes in another order than an index.
        axes = sorted(set(self.grid.axes).difference(self.grid.plane), key="tzyx".index)
        data = list(self.point)
        for axis, position in zip(axes, index, strict=True):
            data[self.grid.axes.index(axis)] = position
        world = self.image.data_to_world(data)
        offset = self.viewer.dims.ndim - self.image.ndim
        for axis in axes:
            at = self.grid.axes.index(axis)
            self.viewer.dims.set_point(offset + at, world[at])

    def check_plane(self) -> None:
        """Raise an error unless whole planes are shown in 2-D, as prompts need.

        Raises
        ------
        UserError
            Names the axes to show.
        """
        if self.viewer.dims.ndisplay != 2:
            raise UserError("Go back to 2D to click.")
        if not self.shows_plane():
            raise UserError(f"Show the axes {' and '.join(self.grid.plane)} again to click.")

    def shows_plane(self) -> bool:
        """Return whether the viewer shows whole planes of the stack in 2-D."""
        if self.viewer.dims.ndisplay != 2:
            return False
        offset = self.viewer.dims.ndim - len(self.grid.axes)
        shown = {axis - offset for axis in self.viewer.dims.displayed}
        return shown == {self.grid.axes.index(axis) for axis in self.grid.plane}
