"""Positions of all objects of a movie, frame by frame, with the links between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import FrameSpan, Lineage
from napari_sam2.export.tracking.label_movie import LabelMovie


@dataclass(frozen=True, slots=True)
class Spot:
    """One object on one frame.

    Parameters
    ----------
    object_id : int
        The label value.
    frame : int
        The frame.
    center : tuple of float
        Centroid in pixels: z, y, x or y, x; the center of the first pixel is 0.
    size : int
        Number of pixels.
    """

    object_id: int
    frame: int
    center: tuple[float, ...]
    size: int


@dataclass(frozen=True)
class TrackTable:
    """All spots of a movie, and the parents of the objects.

    Parameters
    ----------
    movie : LabelMovie
        The labels that were measured.
    spots : tuple of Spot
        By object and frame.
    lineage : Lineage
        Parents; only links between objects with pixels.
    """

    movie: LabelMovie
    spots: tuple[Spot, ...]
    lineage: Lineage

    @cached_property
    def tracks(self) -> Mapping[int, tuple[int, ...]]:
        """Positions in :attr:`spots` of each object, by id and frame."""
        numbered = enumerate(self.spots)
        groups = groupby(numbered, key=lambda item: item[1].object_id)
        return {object_id: tuple(at for at, _ in group) for object_id, group in groups}

    @cached_property
    def spans(self) -> dict[int, FrameSpan]:
        """First and last frame of each object, by id."""
        spots = self.spots
        return {i: FrameSpan(spots[t[0]].frame, spots[t[-1]].frame) for i, t in self.tracks.items()}

    def links(self) -> Iterator[tuple[int, int]]:
        """Yield pairs of positions in :attr:`spots`, each earlier spot with a later one.

        The spots of an object are linked in the order of frames, also over gaps, and the last
        spot of a parent with the first spot of each daughter.
        """
        for track in self.tracks.values():
            yield from pairwise(track)
        for child, parent in sorted(self.lineage.parents.items()):
            yield self.tracks[parent][-1], self.tracks[child][0]


def measure_tracks(
    movie: LabelMovie,
    lineage: Lineage,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[TrackTable, tuple[str, ...]]:
    """Measure the position of all objects on all frames; one frame is in memory at a time.

    Parameters
    ----------
    movie : LabelMovie
        The labels.
    lineage : Lineage
        Parents of the objects.
    advance : callable
        Called with the number of frames done, after each.

    Returns
    -------
    table : TrackTable
        The spots and links.
    notes : tuple of str
        Links that were left out, as one of their objects has no pixels.

    Raises
    ------
    UserError
        If there is no object, or a parent still exists when its daughter begins.
    """
    spots: list[Spot] = []
    for time in range(movie.n_frames):
        spots += _spots(movie, time)
        advance(time + 1)
    if not spots:
        raise UserError(f"{movie.stack.name} has no object, so there is nothing to export.")
    ordered = tuple(sorted(spots, key=lambda spot: (spot.object_id, spot.frame)))
    found = {spot.object_id for spot in ordered}
    kept = {c: p for c, p in lineage.parents.items() if c in found and p in found}
    table = TrackTable(movie, ordered, Lineage(kept))
    problems = list(table.lineage.problems(table.spans))
    if problems:
        raise UserError(
            f"{' '.join(problems)} End each parent before its daughters, or remove the link."
        )
    notes = [
        f"The link of object {child} to its parent {parent} is left out: object "
        f"{child if child not in found else parent} has no pixels."
        for child, parent in sorted(lineage.parents.items())
        if child not in kept
    ]
    return table, tuple(notes)


def _spots(movie: LabelMovie, time: int) -> list[Spot]:
    labels = movie.frame(time)
    positions = np.nonzero(labels)
    ids, which, counts = np.unique(labels[positions], return_inverse=True, return_counts=True)
    sums = [np.bincount(which, weights=axis, minlength=len(ids)) for axis in positions]
    centers = np.stack(sums, axis=1) / counts[:, None]
    return [
        Spot(object_id, time, tuple(center), count)
        for object_id, center, count in zip(
            ids.tolist(), centers.tolist(), counts.tolist(), strict=True
        )
    ]
