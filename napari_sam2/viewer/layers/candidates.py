"""The layer with the outlines of candidates on one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap

from napari_sam2.candidates.candidate import Candidate
from napari_sam2.viewer.layers.single_plane import on_axes, plane_translate

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates

Clicked = Callable[[int, bool], None]
"""Called with the number of a candidate, and whether Alt was pressed."""
_OPEN, _REJECTED = "#ffe14d", "#ff4d5e"
_CLICK_DISTANCE = 5
"""Pixels of the canvas that the pointer may move in a click, as in napari."""
_PIXELS_PER_LINE = 400
"""Pixels of the plane for each pixel of an outline's width."""


@dataclass(frozen=True)
class CandidatesLayer:
    """Shows the outlines of candidates.

    The value of candidate k, counted from 0, is 2 k + 1 while it is open, and 2 k + 2 once it is
    rejected, so that the colormap needs two colors for any number of them.

    Parameters
    ----------
    layer : Labels
        The layer.
    image : Image
        The segmented image.
    grid : LayerCoordinates
        Its axes.
    """

    layer: Labels
    image: Image
    grid: LayerCoordinates

    @staticmethod
    def options(grid: LayerCoordinates) -> dict[str, Any]:
        """Return the arguments of ``Labels`` for an empty layer."""
        return {
            "data": np.zeros((1,) * len(grid.axes), np.uint16),
            "opacity": 0.7,
            "colormap": CyclicLabelColormap(("transparent", _OPEN, _REJECTED)),
        }

    def show(
        self,
        fixed: FixedPosition,
        frame: int,
        shape: tuple[int, int],
        shown: Sequence[tuple[int, Candidate, bool]],
    ) -> None:
        """Show candidates on their frame; nothing is shown on others.

        Parameters
        ----------
        fixed, frame : FixedPosition and int
            The frame.
        shape : tuple of int
            Height and width of the plane.
        shown : sequence of (int, Candidate, bool)
            Number of each candidate, the candidate, and whether it is rejected.
        """
        highest = max((number for number, _, _ in shown), default=0)
        plane = np.zeros(shape, np.uint16 if 2 * highest + 2 < 1 << 16 else np.uint32)
        for number, candidate, rejected in shown:
            crop = candidate.crop
            plane[crop.window.slices][crop.logits > 0] = 2 * number + 1 + rejected
        layer = self.layer
        layer.data = on_axes(plane, self.grid)
        place = plane_translate(self.image, self.grid, fixed, frame)
        if not np.array_equal(layer.translate, place):
            layer.translate = place
        width = max(1, round(max(shape) / _PIXELS_PER_LINE))
        if layer.contour != width:
            layer.contour = width
        layer.editable = False

    def follow_clicks(self, clicked: Clicked) -> None:
        """Call a function with each candidate that is clicked while the layer is active."""

        def press(layer: Labels, event: Any) -> Iterator[None]:
            start = np.asarray(event.pos)
            yield
            while event.type == "mouse_move":
                yield
            if np.linalg.norm(start - np.asarray(event.pos)) >= _CLICK_DISTANCE:
                return
            value = layer.get_value(event.position, world=True)
            if event.button == 1 and value:
                clicked((int(value) - 1) // 2, "Alt" in event.modifiers)

        self.layer.mouse_drag_callbacks.append(press)
