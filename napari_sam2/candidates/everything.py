"""Candidates for everything on a plane: the masks of a grid of points, on one or many views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.candidates.point_grid import on_structure, point_grid, spaced_points, tile_starts
from napari_sam2.candidates.proposals import Proposal, merge_proposals, propose
from napari_sam2.candidates.selection import select_disjoint, touches_inner_edge
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop

Progress = Callable[[int, int], object]
"""Called with the numbers of finished views and of all views; its exceptions stop the search."""

GRID_SIDE = 24
"""Rows and columns of points on the whole plane."""
_POINT_SPACING = 0.5
"""Distance of points in tiles, in diameters."""
_MIN_SUPPORT = 2
"""Masks that must agree on a candidate. Masks on which no other agrees are mostly wrong: without
them, precision on 256 px training images of dsb2018 rises from 0.74 to 0.89 at equal recall."""
_MIN_INPUT_DIAMETER = 36
"""Objects of fewer model input pixels are searched for in tiles."""
_TILE_INPUT_DIAMETER = 48
"""With points in every nucleus of dense training images of dsb2018, a good mask of 64 to 78 % of
them is among those predicted on the whole plane, and of 69 to 86 % at 45 to 60 input pixels."""


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
        found, closer, diameter = self._search(index, progress)
        return self._combined(found, closer, diameter, occupied)

    def proposals(self, index: PlaneIndex, progress: Progress | None = None) -> list[Candidate]:
        """Return all candidates, which may overlap, for a search that ranks them by itself.

        Parameters are those of :meth:`find`.
        """
        found, closer, _ = self._search(index, progress)
        return _supported([*found, *closer])

    def _search(
        self, index: PlaneIndex, progress: Progress | None
    ) -> tuple[list[Proposal], list[Proposal], float | None]:
        """Return what the whole plane and the tiles show, and the diameter of the objects."""
        report = progress or (lambda done, total: None)
        full = self.placement.full
        grid = point_grid(full.image_shape, GRID_SIDE)
        found = self._propose(index, full, grid, max(self.encoder.shape) / GRID_SIDE)
        diameter = self.diameter or self._measure(found)
        tiles = self._tiles(diameter)
        report(1, 1 + len(tiles))
        closer: list[Proposal] = []
        spacing = _POINT_SPACING * (diameter or 0)
        for done, (tile, points) in enumerate(tiles, 2):
            closer += (
                one
                for one in self._propose(index, tile, points, spacing)
                if not _is_cut(one.candidate, tile, self.encoder.shape)
            )
            report(done, 1 + len(tiles))
        return found, closer, diameter

    def _propose(
        self, index: PlaneIndex, view: View, points: NDArray[np.float64], spacing: float
    ) -> list[Proposal]:
        """Return what the points (y, x) in a view's image show, without those in flat regions.

        The spacing is in pixels of the plane.
        """
        image = self.encoder.image(index, view)
        kept = points[on_structure(image, points, spacing / view.factor)]
        return propose(self.encoder, index, view, kept, self.limits.min_score)

    def _combined(
        self,
        found: list[Proposal],
        closer: list[Proposal],
        diameter: float | None,
        occupied: Sequence[MaskCrop],
    ) -> list[Candidate]:
        """Select from proposals of the whole plane and of the tiles.

        What fits into a tile is taken from the tiles, where its mask is more exact, and from the
        whole plane only where no tile has anything.
        """
        shape = self.encoder.shape
        if diameter is None or not closer:
            return select_disjoint(_supported(found), shape, self.limits, occupied)
        large = [one for one in found if _extent(one.candidate) > _overlap(diameter)]
        small = [one for one in found if _extent(one.candidate) <= _overlap(diameter)]
        first = select_disjoint(_supported([*large, *closer]), shape, self.limits, occupied)
        taken = [*occupied, *(one.crop for one in first)]
        rest = select_disjoint(_supported(small), shape, self.limits, taken)
        both = sorted([*first, *rest], key=lambda candidate: -candidate.score)
        return both[: self.limits.max_objects]

    def _measure(self, found: list[Proposal]) -> float | None:
        """Return the median diameter of what the whole plane shows; None without anything."""
        candidates = [one.candidate for one in found]
        selected = select_disjoint(candidates, self.encoder.shape, CandidateLimits())
        if not selected:
            return None
        return float(np.median([_diameter(candidate.crop.area) for candidate in selected]))

    def _tiles(self, diameter: float | None) -> list[tuple[View, NDArray[np.float64]]]:
        """Return views in which objects of a diameter are large enough, and points in each.

        The views overlap. Each point is in the view in whose middle it lies most.
        """
        shape, size = self.encoder.shape, self.placement.image_size
        if diameter is None or diameter * size >= _MIN_INPUT_DIAMETER * max(shape):
            return []
        side = self.placement.side_for(diameter * size / _TILE_INPUT_DIAMETER)
        if side >= max(shape):
            return []
        overlap = _overlap(diameter)
        rows, columns = (tile_starts(length, side, overlap) for length in shape)
        points = spaced_points(shape, _POINT_SPACING * diameter)
        row, column = _nearest(points[:, 0], rows, side), _nearest(points[:, 1], columns, side)
        tiles = []
        for i, y in enumerate(rows):
            for j, x in enumerate(columns):
                view = self.placement.place(Window(y, x, y + side, x + side), side)
                tiles.append((view, view.points_in(points[(row == i) & (column == j)])))
        return tiles


def _nearest(positions: NDArray[np.float64], starts: list[int], side: int) -> NDArray[np.intp]:
    """Return for each position the window of ``side`` whose middle is nearest."""
    middles = np.array(starts) + side / 2
    return np.abs(positions[:, None] - middles).argmin(axis=1)


def _supported(proposals: list[Proposal]) -> list[Candidate]:
    """Return the candidates on which enough masks agree."""
    merged = merge_proposals(proposals)
    return [one.candidate for one in merged if one.support >= _MIN_SUPPORT]


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
