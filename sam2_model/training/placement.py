"""Where objects of a scene are at first: scattered, in a cluster, or packed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sam2_model.training.motion import Numbers

_TRIES = 8
_CLOSEST, _LOOSEST = 0.92, 1.1


def placed(
    radii: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> list[Numbers]:
    """Place objects so that they touch rather than cover each other, where there is room.

    Parameters
    ----------
    radii : NDArray[np.float64]
        (N,) in pixels.
    shape : tuple of int
        Height and width of the picture in pixels.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of NDArray[np.float64]
        N times y and x; all over the picture, or in one cluster.
    """
    clustered = rng.random() < 0.5
    middle, spread = rng.uniform(0.2, 0.8, 2) * shape, 0.2 * np.array(shape)
    places = np.empty((len(radii), 2))
    for number, radius in enumerate(radii):
        tries = rng.uniform(0, 1, (_TRIES, 2)) * shape
        if clustered:
            tries = rng.normal(middle, spread, (_TRIES, 2))
        apart = np.linalg.norm(tries[:, None] - places[:number], axis=2)
        gaps = (apart - radius - radii[:number]).min(1, initial=np.inf)
        free = np.flatnonzero(gaps >= 0)
        # In a cluster the nearest free place is the best one, elsewhere any free place.
        best = free[gaps[free].argmin() if clustered else 0] if len(free) else gaps.argmax()
        places[number] = tries[best]
    return list(places)


def packed(
    radii: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> list[Numbers]:
    """Place objects in clumps in which each touches another one.

    Parameters and the result are those of :func:`placed`.
    """
    clumps = int(rng.integers(1, 2 + len(radii) // 6))
    places = np.empty((len(radii), 2))
    places[:clumps] = rng.uniform(0.15, 0.85, (clumps, 2))[: len(radii)] * shape
    for number in range(clumps, len(radii)):
        beside = rng.integers(number, size=_TRIES)
        turns = rng.uniform(0, 2 * np.pi, _TRIES)
        away = (radii[beside] + radii[number]) * rng.uniform(_CLOSEST, _LOOSEST, _TRIES)
        tries = places[beside] + away[:, None] * np.stack((np.sin(turns), np.cos(turns)), 1)
        room = np.linalg.norm(tries[:, None] - places[:number], axis=2)
        crowding = (room / (radii[:number] + radii[number])).min(1)
        outside = ((tries < 0) | (tries > shape)).any(1)
        places[number] = tries[(crowding.clip(max=1) - outside).argmax()]
    return list(places)
