"""Label movies of round cells that divide, enter and leave, with the divisions in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.lineage import Lineage

SIDE = 160
MARGIN = 40


@dataclass(frozen=True)
class DividingCells:
    """A movie and its truth.

    Parameters
    ----------
    labels : NDArray[np.uint16]
        (T, H, W), each cell with an id of its own; daughters have new ids.
    lineage : Lineage
        Parents of the daughters.
    divisions : dict of int to int
        The first frame after the division of each parent.
    """

    labels: NDArray[np.uint16]
    lineage: Lineage
    divisions: dict[int, int]


def dividing_cells(seed: int, frames: int = 16, cells: int = 9) -> DividingCells:
    """Return cells on a grid that drift; about half of them divide, some appear later."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((frames, SIDE, SIDE), np.uint16)
    parents: dict[int, int] = {}
    divisions: dict[int, int] = {}
    new = cells + 1
    grid = [(y, x) for y in range(26, SIDE - 20, 54) for x in range(26, SIDE - 20, 54)]
    for cell, (y, x) in enumerate(grid[:cells], 1):
        drift, radius = rng.uniform(-0.6, 0.6, 2), rng.uniform(8, 11)
        start = int(rng.integers(1, 5)) if rng.random() < 0.25 else 0
        if rng.random() < 0.5:
            division = int(rng.integers(start + 3, frames - 4))
            parents |= {new: cell, new + 1: cell}
            divisions[cell] = division
            angle = rng.uniform(0, np.pi)
            direction = np.array([np.sin(angle), np.cos(angle)])
        else:
            division, direction = frames, np.zeros(2)
        for time in range(start, division):
            _draw(labels[time], cell, np.array([y, x]) + drift * time, radius)
        for time in range(division, frames):
            apart = (0.85 * radius + 0.4 * (time - division)) * direction
            center = np.array([y, x]) + drift * time
            _draw(labels[time], new, center + apart, 0.7 * radius)
            _draw(labels[time], new + 1, center - apart, 0.7 * radius)
        new += 2 * (division < frames)
    return DividingCells(labels, Lineage(parents), divisions)


def crossed_cells(seed: int, frames: int = 24) -> DividingCells:
    """Return the cells of :func:`dividing_cells` in the middle of a larger movie.

    Along each edge one cell enters and another one leaves.
    """
    inner = dividing_cells(seed, frames)
    rng = np.random.default_rng((seed, 1))
    side = SIDE + 2 * MARGIN
    labels = np.zeros((frames, side, side), np.uint16)
    labels[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = inner.labels
    new = int(inner.labels.max()) + 1
    for edge in range(4):
        for place, depths in zip((70, 170), _crossing(rng, frames), strict=True):
            radius, along = rng.uniform(8, 11), place + rng.uniform(-15, 15)
            for time, depth in enumerate(depths):
                _draw(np.rot90(labels[time], edge), new, np.array([depth, along]), radius)
            new += 1
    return DividingCells(labels, inner.lineage, inner.divisions)


def _crossing(rng: np.random.Generator, frames: int) -> tuple[NDArray[np.float64], ...]:
    """Return how far from its edge a cell is that enters, and one that leaves, on each frame."""
    times = np.arange(frames)
    entry, exit_ = rng.integers(2, frames - 6), rng.integers(5, frames - 3)
    speed = rng.uniform(2, 4, 2)
    enters = np.minimum(speed[0] * (times - entry) - 10, MARGIN / 2)
    leaves = np.minimum(speed[1] * (exit_ - times) - 10, MARGIN / 2)
    return enters, leaves


def _draw(
    plane: NDArray[np.uint16], value: int, center: NDArray[np.float64], radius: float
) -> None:
    rows, columns = np.ogrid[: plane.shape[0], : plane.shape[1]]
    disc = (rows - center[0]) ** 2 + (columns - center[1]) ** 2 < radius**2
    plane[disc & (plane == 0)] = value
