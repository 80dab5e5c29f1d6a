"""Positions of a scene's objects: scattered, in a cluster, or packed, without collisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from sam2_model.training.synthetic.motion import Motion, Numbers

_TRIES = 8
_CLOSEST, _LOOSEST = 0.92, 1.1


def scatter(
    radii: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> list[Numbers]:
    """Return random positions of objects that rarely overlap.

    Parameters
    ----------
    radii : NDArray[np.float64]
        (N,) radii in pixels.
    shape : tuple of int
        Height and width of the image in pixels.
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    list of NDArray[np.float64]
        N positions (y, x), all over the image or in one cluster.
    """
    clustered = rng.random() < 0.5
    middle, spread = rng.uniform(0.2, 0.8, 2) * shape, 0.2 * np.array(shape)
    positions = np.empty((len(radii), 2))
    for number, radius in enumerate(radii):
        tries = rng.uniform(0, 1, (_TRIES, 2)) * shape
        if clustered:
            tries = rng.normal(middle, spread, (_TRIES, 2))
        apart = np.linalg.norm(tries[:, None] - positions[:number], axis=2)
        gaps = (apart - radius - radii[:number]).min(1, initial=np.inf)
        free = np.flatnonzero(gaps >= 0)
        # In a cluster, the free position with the smallest gap is used, otherwise any free one.
        best = free[gaps[free].argmin() if clustered else 0] if len(free) else gaps.argmax()
        positions[number] = tries[best]
    return list(positions)


def pack(
    radii: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> list[Numbers]:
    """Return random positions in groups in which each object touches another one.

    Parameters and result are those of :func:`scatter`.
    """
    clumps = int(rng.integers(1, 2 + len(radii) // 6))
    positions = np.empty((len(radii), 2))
    positions[:clumps] = rng.uniform(0.15, 0.85, (clumps, 2))[: len(radii)] * shape
    for number in range(clumps, len(radii)):
        beside = rng.integers(number, size=_TRIES)
        turns = rng.uniform(0, 2 * np.pi, _TRIES)
        away = (radii[beside] + radii[number]) * rng.uniform(_CLOSEST, _LOOSEST, _TRIES)
        tries = positions[beside] + away[:, None] * np.stack((np.sin(turns), np.cos(turns)), 1)
        room = np.linalg.norm(tries[:, None] - positions[:number], axis=2)
        crowding = (room / (radii[:number] + radii[number])).min(1)
        outside = ((tries < 0) | (tries > shape)).any(1)
        positions[number] = tries[(crowding.clip(max=1) - outside).argmax()]
    return list(positions)


_ROUNDS = 6
_CONTACT = 0.95


def separate_objects(
    motions: Sequence[Motion],
    radii: NDArray[np.float64],
    fixed: NDArray[np.bool_] | None = None,
) -> list[Motion]:
    """Return motions in which objects slide along each other instead of overlapping.

    Two objects come as near as their radii allow, or as near as they are on the first frame.

    Parameters
    ----------
    motions : sequence of Motion
        Motions of N objects on the same frames; the first frame does not change.
    radii : NDArray[np.float64]
        (N,) radii in pixels.
    fixed : NDArray[np.bool_], optional
        (N,), whether an object is not pushed.
    """
    if len(motions) < 2:
        return list(motions)
    wanted = np.stack([motion.center for motion in motions])
    loose: Numbers = np.ones(len(motions))
    if fixed is not None:
        loose -= fixed
    centers = wanted.copy()
    for t in range(1, wanted.shape[1]):
        moved = centers[:, t - 1] + wanted[:, t] - wanted[:, t - 1]
        centers[:, t] = _pushed(moved, wanted[:, 0], radii, loose)
    return [replace(m, center=c) for m, c in zip(motions, centers, strict=True)]


def _pushed(positions: Numbers, first: Numbers, radii: Numbers, loose: Numbers) -> Numbers:
    """Return positions (N, 2) in which objects that are too near are pushed apart."""
    positions = positions.copy()
    for _ in range(_ROUNDS):
        pairs = KDTree(positions).query_pairs(2 * _CONTACT * radii.max(), output_type="ndarray")
        a, b = pairs.T
        way = positions[b] - positions[a]
        away = np.linalg.norm(way, axis=1)
        start = np.linalg.norm(first[b] - first[a], axis=1)
        lacking = np.minimum(start, _CONTACT * (radii[a] + radii[b])) - away
        near = (lacking > 0) & (loose[a] + loose[b] > 0)
        if not near.any():
            break
        a, b = a[near], b[near]
        step = (lacking / np.maximum(away, 1e-6))[near, None] * way[near]
        share = (loose[a] / (loose[a] + loose[b]))[:, None]
        np.add.at(positions, a, -step * share)
        np.add.at(positions, b, step * (1 - share))
    return positions
