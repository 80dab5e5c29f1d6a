"""Where a viewer stands on an image, in pixels, and how to go elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True)
class ViewerDims:
    """The position of a viewer's sliders on one image.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose sliders.
    image : Image
        Says how world and pixels relate.
    grid : LayerCoordinates
        Which axis is what.
    """

    viewer: Any
    image: Image
    grid: LayerCoordinates

    @property
    def point(self) -> Any:
        """Where the viewer's sliders stand, in pixels of the image."""
        world = self.viewer.dims.point
        return self.image.world_to_data(world[-self.image.ndim :])

    @property
    def frame(self) -> int:
        """The frame that the viewer shows."""
        return self.grid.frame(self.point)

    @property
    def fixed(self) -> FixedPosition:
        """Where the viewer stands on the other axes."""
        return self.grid.fixed(self.point)

    def go_to(self, frame: int) -> None:
        """Show a frame."""
        if self.grid.along in self.grid.axes:
            axis = self.grid.axes.index(self.grid.along)
            data = list(self.point)
            data[axis] = frame
            world = self.image.data_to_world(data)
            offset = self.viewer.dims.ndim - self.image.ndim
            self.viewer.dims.set_point(offset + axis, world[axis])

    def show_index(self, index: PlaneIndex) -> None:
        """Show a plane, by its full index."""
        axes = [axis for axis in self.grid.axes if axis not in self.grid.plane]
        data = list(self.point)
        for axis, position in zip(axes, index, strict=True):
            data[self.grid.axes.index(axis)] = position
        world = self.image.data_to_world(data)
        offset = self.viewer.dims.ndim - self.image.ndim
        for axis in axes:
            at = self.grid.axes.index(axis)
            self.viewer.dims.set_point(offset + at, world[at])

    def plane_shown(self) -> bool:
        """Whether the viewer shows whole planes of the stack, in 2-D."""
        if self.viewer.dims.ndisplay != 2:
            return False
        offset = self.viewer.dims.ndim - len(self.grid.axes)
        shown = {axis - offset for axis in self.viewer.dims.displayed}
        return shown == {self.grid.axes.index(axis) for axis in self.grid.plane}
