"""Shapes of a napari layer as prompts: rectangles as boxes, other outlines as masks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color

from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates
from napari_sam2.prompts.shapes import Vertices, is_box, outline_prompt
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PromptKey
from napari_sam2.viewer.layers.colors import object_color

if TYPE_CHECKING:
    from napari.layers import Shapes


@dataclass(frozen=True)
class ShapesLayer:
    """Reads and writes the Shapes layer of a session.

    Parameters
    ----------
    layer : Shapes
        The layer, with the feature ``object_id``.
    grid : LayerCoordinates
        Converts the layer's coordinates to positions in the stack.
    """

    layer: Shapes
    grid: LayerCoordinates

    @staticmethod
    def options(grid: LayerCoordinates) -> dict[str, Any]:
        """Return the arguments of ``viewer.add_shapes`` for an empty layer."""
        rows, columns = (grid.lengths[grid.axes.index(axis)] for axis in grid.plane)
        return {
            "ndim": len(grid.axes),
            "features": {"object_id": np.zeros(0, int)},
            "edge_width": min(max(max(rows, columns) / 250, 0.5), 8.0),
            "face_color": "transparent",
            "opacity": 0.9,
        }

    def prompts(self) -> dict[PromptKey, BoxPrompt | MaskPrompt]:
        """Return prompts by object and frame; of several shapes the last one counts."""
        return {key: prompt for key, prompt in self._read() if prompt is not None}

    def unused(self) -> bool:
        """Return whether a shape encloses no pixel of the image, and so gives no prompt."""
        return any(prompt is None for _, prompt in self._read())

    def cut(self) -> bool:
        """Return whether a box reaches beyond the image, where its prompt is cut."""
        rows, columns = self._plane_shape
        corners = [
            self._yx(np.asarray(vertices))
            for vertices, kind in zip(self.layer.data, self.layer.shape_type, strict=True)
            if is_box(self._yx(np.asarray(vertices)), str(kind))
        ]
        edge = np.array([rows, columns]) - 0.5
        return any(np.any((yx < -0.5) | (yx > edge)) for yx in corners)

    def _read(self) -> Iterator[tuple[PromptKey, BoxPrompt | MaskPrompt | None]]:
        rows = zip(
            self.layer.data, self.layer.shape_type, self.layer.features["object_id"], strict=True
        )
        for vertices, kind, object_id in rows:
            corner = np.asarray(vertices)[0]
            key = PromptKey(self.grid.fixed(corner), int(object_id), self.grid.frame(corner))
            yx = self._yx(np.asarray(vertices))
            yield key, outline_prompt(yx, str(kind), *key[1:], self._plane_shape)

    def show(self, boxes: Iterable[tuple[FixedPosition, BoxPrompt]], masks: set[PromptKey]) -> None:
        """Replace the boxes of the layer, and keep those outlines that are still prompts.

        Parameters
        ----------
        boxes : iterable of (FixedPosition, BoxPrompt)
            All boxes to show.
        masks : set of PromptKey
            Objects and frames that have a mask prompt.
        """
        kept: list[tuple[Vertices, str, int]] = []
        for vertices, kind, object_id in zip(
            self.layer.data, self.layer.shape_type, self.layer.features["object_id"], strict=True
        ):
            corner = np.asarray(vertices)[0]
            key = self.grid.fixed(corner), int(object_id), self.grid.frame(corner)
            if key in masks and not is_box(self._yx(np.asarray(vertices)), str(kind)):
                kept.append((np.asarray(vertices), str(kind), int(object_id)))
        for fixed, box in boxes:
            kept.append((self._corners(fixed, box), "rectangle", box.object_id))
        self._replace(kept)

    def hide(self, object_ids: Collection[int]) -> None:
        """Hide the shapes of some objects; they stay in the layer."""
        ids = [int(object_id) for object_id in self.layer.features["object_id"]]
        colors = ["transparent" if i in object_ids else object_color(i) for i in ids]
        wanted = transform_color(colors) if colors else np.zeros((0, 4))
        if not np.allclose(wanted, np.reshape(self.layer.edge_color, (-1, 4))):
            self.layer.edge_color = colors

    def set_next(self, object_id: int) -> None:
        """Set the object of the next shape that is added."""
        self.layer.feature_defaults = {"object_id": object_id}
        with self.layer.block_update_properties():
            self.layer.current_edge_color = object_color(object_id)

    def _replace(self, shapes: list[tuple[Vertices, str, int]]) -> None:
        layer = self.layer
        layer.selected_data = set()
        if [np.asarray(v).tolist() for v in layer.data] == [v.tolist() for v, _, _ in shapes]:
            return
        if len(layer.data):
            layer.selected_data = set(range(len(layer.data)))
            layer.remove_selected()
        for vertices, kind, object_id in shapes:
            layer.feature_defaults = {"object_id": object_id}
            layer.add([vertices], shape_type=kind, edge_color=object_color(object_id))

    @property
    def _plane_shape(self) -> tuple[int, int]:
        rows, columns = (self.grid.lengths[self.grid.axes.index(a)] for a in self.grid.plane)
        return rows, columns

    def _yx(self, vertices: Vertices) -> Vertices:
        return np.array([self.grid.yx(vertex) for vertex in vertices])

    def _corners(self, fixed: FixedPosition, box: BoxPrompt) -> Vertices:
        (y0, x0), (y1, x1) = box.yx0, box.yx1
        around = ((y0, x0), (y0, x1), (y1, x1), (y1, x0))
        return np.array([self.grid.point(fixed, box.frame, (y - 0.5, x - 0.5)) for y, x in around])
