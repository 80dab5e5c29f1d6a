"""Points of a napari layer as point prompts, and point prompts as points."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates
from napari_sam2.prompts.types import PointPrompt, PromptKey
from napari_sam2.viewer.layers.colors import object_color

if TYPE_CHECKING:
    from napari.layers import Points

INSIDE, OUTSIDE = "inside", "outside"
FACES = {INSIDE: "#35d07f", OUTSIDE: "#ff4d5e"}
SYMBOLS = {INSIDE: "disc", OUTSIDE: "x"}


@dataclass(frozen=True)
class PointsLayer:
    """Reads and writes the Points layer of a session.

    Parameters
    ----------
    layer : Points
        The layer, with the features ``object_id`` and ``sign``.
    grid : LayerCoordinates
        Converts the layer's coordinates to positions in the stack.
    """

    layer: Points
    grid: LayerCoordinates

    @staticmethod
    def options(grid: LayerCoordinates) -> dict[str, Any]:
        """Return the arguments of ``viewer.add_points`` for an empty layer."""
        rows, columns = (grid.lengths[grid.axes.index(axis)] for axis in grid.plane)
        return {
            "ndim": len(grid.axes),
            "features": {"object_id": np.zeros(0, int), "sign": np.zeros(0, dtype="<U7")},
            "size": min(max(max(rows, columns) / 75, 2.0), 30.0),
            "face_color": FACES[INSIDE],
            "border_color": "white",
            "border_width": 0.3,
            "symbol": SYMBOLS[INSIDE],
            "opacity": 1.0,
            "out_of_slice_display": False,
        }

    def prompts(self, rows: slice = slice(None)) -> dict[PromptKey, list[PointPrompt]]:
        """Return point prompts by object and frame, without points beyond the image.

        Parameters
        ----------
        rows : slice
            The points to read; all by default.
        """
        found: dict[PromptKey, list[PointPrompt]] = {}
        table = self.layer.features
        read = zip(
            self.layer.data[rows], table["object_id"][rows], table["sign"][rows], strict=True
        )
        for point, object_id, sign in read:
            yx = self.grid.yx(point)
            if self.grid.inside(yx):
                fixed, frame = self.grid.fixed(point), self.grid.frame(point)
                prompt = PointPrompt(int(object_id), frame, yx, int(sign == INSIDE))
                found.setdefault(PromptKey(fixed, int(object_id), frame), []).append(prompt)
        return found

    def outside(self, rows: slice = slice(None)) -> bool:
        """Return whether one of some points, all by default, lies beyond the image."""
        points = self.layer.data[rows]
        return not all(self.grid.inside(self.grid.yx(point)) for point in points)

    def show(self, prompts: Iterable[tuple[FixedPosition, PointPrompt]]) -> None:
        """Replace all points of the layer."""
        shown = list(prompts)
        signs = np.array([INSIDE if p.label else OUTSIDE for _, p in shown], dtype="<U7")
        rows = [self.grid.point(fixed, p.frame, p.yx) for fixed, p in shown]
        layer = self.layer
        layer.selected_data = set()
        layer.data = np.array(rows).reshape(-1, len(self.grid.axes))
        layer.features = {"object_id": np.array([p.object_id for _, p in shown]), "sign": signs}
        if shown:
            layer.symbol = [SYMBOLS[sign] for sign in signs]
            layer.face_color = [FACES[sign] for sign in signs]
            layer.border_color = [object_color(p.object_id) for _, p in shown]

    def hide(self, object_ids: Collection[int]) -> None:
        """Hide the points of some objects; they stay in the layer."""
        hidden = np.isin(self.layer.features["object_id"], list(object_ids))
        if not np.array_equal(self.layer.shown, ~hidden):
            self.layer.shown = ~hidden

    def set_next(self, object_id: int, sign: str) -> None:
        """Set object and sign of the next point that is added; existing points are kept."""
        layer = self.layer
        layer.feature_defaults = {"object_id": object_id, "sign": sign}
        with layer.block_update_properties():
            layer.current_symbol = SYMBOLS[sign]
            layer.current_face_color = FACES[sign]
            layer.current_border_color = object_color(object_id)
