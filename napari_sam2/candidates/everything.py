"""Candidates for everything on a plane: the masks of a grid of points, on one or many views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.candidates.selection import disjoint_rows, select_disjoint, touches_inner_edge
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import PointMasks
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop

Progress = Callable[[int, int], object]
"""Called with the numbers of finished views and of all views; its exceptions stop the search."""

GRID_SIDE = 24
"""Rows and columns of points on the whole plane."""
_TILE_GRID_SIDE = 12
_MIN_IOU, _MIN_STABILITY = 0.4, 0.6
_STABILITY_OFFSET = 1.0
_MIN_INPUT_DIAMETER = 24
"""Objects of fewer model input pixels are searched for in tiles: on held-out images of dsb2018,
nuclei of 13 to 20 pixels were missed on the whole plane and found in tiles."""
_TILE_INPUT_DIAMETER = 40


@dataclass(frozen=True)
class EverythingSearch:
    """Finds candidates for all objects of a plane of any size.

    The whole plane is searched first. If the objects found are small for the model, as they are
    on large planes, overlapping tiles are searched, in which they are larger.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    limits : CandidateLimits
        Which candidates are kept.
    diameter : float or None
        Expected diameter of the objects in pixels of the plane; None measures it on the whole
        plane.

    Raises
    ------
    UserError
        If the diameter is not positive.
    """

    encoder: ViewEncoder
    placement: ViewPlacement
    limits: CandidateLimits = field(default_factory=CandidateLimits)
    diameter: float | None = None

    def __post_init__(self) -> None:
        if self.diameter is not None and not self.diameter > 0:
            raise UserError(f"The diameter is {self.diameter:g}. Give a positive number of pixels.")

    def find(
        self,
        index: PlaneIndex,
        progress: Progress | None = None,
        occupied: Sequence[MaskCrop] = (),
    ) -> list[Candidate]:
        """Return candidates without common pixels, best first.

        Parameters
        ----------
        index : tuple of int
            Full index of the plane.
        progress : callable or None
            Called after each view.
        occupied : sequence of MaskCrop
            Masks of objects that exist already, see :func:`select_disjoint`.
        """
        report = progress or (lambda done, total: None)
        shape = self.encoder.shape
        found = list(self._in_view(index, self.placement.full, GRID_SIDE))
        diameter = self.diameter or self._measure(found)
        tiles = self._tiles(diameter)
        report(1, 1 + len(tiles))
        closer: list[Candidate] = []
        for done, tile in enumerate(tiles, 2):
            closer += (
                candidate
                for candidate in self._in_view(index, tile, _TILE_GRID_SIDE)
                if not _is_cut(candidate, tile, shape)
            )
            report(done, 1 + len(tiles))
        return self._combined(found, closer, diameter, occupied)

    def _combined(
        self,
        found: list[Candidate],
        closer: list[Candidate],
        diameter: float | None,
        occupied: Sequence[MaskCrop],
    ) -> list[Candidate]:
        """Select from candidates of the whole plane and of the tiles.

        What fits into a tile is taken from the tiles, where its mask is more exact, and from the
        whole plane only where no tile has anything.
        """
        shape = self.encoder.shape
        if diameter is None or not closer:
            return select_disjoint(found, shape, self.limits, occupied)
        large = [one for one in found if _extent(one) > _overlap(diameter)]
        small = [one for one in found if _extent(one) <= _overlap(diameter)]
        first = select_disjoint([*large, *closer], shape, self.limits, occupied)
        taken = [*occupied, *(one.crop for one in first)]
        rest = select_disjoint(small, shape, self.limits, taken)
        both = sorted([*first, *rest], key=lambda candidate: -candidate.score)
        return both[: self.limits.max_objects]

    def _measure(self, found: list[Candidate]) -> float | None:
        """Return the median diameter of the candidates of the whole plane; None without any."""
        selected = select_disjoint(found, self.encoder.shape, CandidateLimits())
        if not selected:
            return None
        return float(np.median([_diameter(candidate.crop.area) for candidate in selected]))

    def _tiles(self, diameter: float | None) -> list[View]:
        """Return overlapping views in which objects of a diameter are large enough."""
        shape, size = self.encoder.shape, self.placement.image_size
        if diameter is None or diameter * size >= _MIN_INPUT_DIAMETER * max(shape):
            return []
        side = self.placement.side_for(diameter * size / _TILE_INPUT_DIAMETER)
        if side >= max(shape):
            return []
        overlap = _overlap(diameter)
        return [
            self.placement.place(Window(y, x, y + side, x + side), side)
            for y in _starts(shape[0], side, overlap)
            for x in _starts(shape[1], side, overlap)
        ]

    def _in_view(self, index: PlaneIndex, view: View, side: int) -> Iterator[Candidate]:
        """Yield the candidates of one view, best first, at the resolution of the plane."""
        encoding = self.encoder.encode(index, view)
        height, width = view.image_shape
        points = point_grid((height, width), side)
        least = max(_MIN_IOU, self.limits.min_score)
        masks = self.encoder.predictor.predict_points(encoding, points, min_iou=least)
        logits, scores = _stable_masks(masks, self.limits.min_score)
        for row in disjoint_rows(logits > 0, scores):
            crop = self.encoder.mask_to_plane(view, _resized(logits[row], (height, width)))
            if crop.area:
                yield Candidate(crop, float(scores[row]))


def point_grid(shape: tuple[int, int], side: int) -> NDArray[np.float64]:
    """Return the centers (side * side, 2) of equal cells of an image (H, W), as (y, x)."""
    centers = (np.arange(side) + 0.5) / side
    rows, columns = np.meshgrid(centers * shape[0], centers * shape[1], indexing="ij")
    return np.stack((rows.ravel(), columns.ravel()), axis=1) - 0.5


def _stable_masks(
    masks: PointMasks, min_score: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (M, h, w) and scores (M,) of the masks that are sure and stable enough.

    Stability is the ratio of the areas at a higher and a lower threshold (SAM paper, section 5).
    """
    logits = masks.logits.reshape(-1, *masks.logits.shape[2:])
    ious = masks.predicted_iou.ravel()
    strict = np.count_nonzero(logits > _STABILITY_OFFSET, axis=(1, 2))
    loose = np.count_nonzero(logits > -_STABILITY_OFFSET, axis=(1, 2))
    stability = strict / np.maximum(loose, 1)
    scores = (ious * stability).astype(np.float32)
    keep = (ious > _MIN_IOU) & (stability >= _MIN_STABILITY) & (scores >= min_score)
    return logits[keep], scores[keep]


def _resized(logits: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return logits (h, w) of a view resized bilinearly to ``shape``."""
    zoom = shape[0] / logits.shape[0], shape[1] / logits.shape[1]
    resized = ndimage.zoom(logits, zoom, order=1, mode="nearest", grid_mode=True)
    return np.asarray(resized, np.float32)


def _is_cut(candidate: Candidate, view: View, shape: tuple[int, int]) -> bool:
    box = candidate.crop.box
    return box is not None and touches_inner_edge(box, view.window, shape)


def _extent(candidate: Candidate) -> int:
    """Return the longer side of a candidate's box in pixels."""
    box = candidate.crop.box
    return 0 if box is None else max(box.shape)


def _overlap(diameter: float) -> int:
    """Return the overlap of tiles in pixels: smaller objects are whole in at least one tile."""
    return ceil(2 * diameter)


def _diameter(area: float) -> float:
    """Return the diameter of the disk with an area."""
    return 2 * sqrt(area / np.pi)


def _starts(length: int, side: int, overlap: int) -> list[int]:
    """Return where windows of ``side`` begin that cover a length with an overlap."""
    if side >= length:
        return [(length - side) // 2]
    count = ceil((length - overlap) / (side - overlap))
    return np.linspace(0, length - side, count).round().astype(int).tolist()
