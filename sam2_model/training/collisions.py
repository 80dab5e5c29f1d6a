"""Objects of one plane push each other aside instead of passing through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from sam2_model.training.motion import Motion, Numbers

_ROUNDS = 6
_CONTACT = 0.95


def kept_apart(
    motions: Sequence[Motion],
    radii: NDArray[np.float64],
    fixed: NDArray[np.bool_] | None = None,
) -> list[Motion]:
    """Let objects that would move into each other slide along each other.

    Every pair may come as near as its radii allow, or as near as it is on the first frame.

    Parameters
    ----------
    motions : sequence of Motion
        Of N objects over the same frames; first frames stay as they are.
    radii : NDArray[np.float64]
        (N,) in pixels.
    fixed : NDArray[np.bool_], optional
        (N,) objects that nothing pushes.

    Returns
    -------
    list of Motion
    """
    if len(motions) < 2:
        return list(motions)
    wanted = np.stack([motion.centre for motion in motions])
    loose: Numbers = np.ones(len(motions))
    if fixed is not None:
        loose -= fixed
    centres = wanted.copy()
    for t in range(1, wanted.shape[1]):
        moved = centres[:, t - 1] + wanted[:, t] - wanted[:, t - 1]
        centres[:, t] = _pushed(moved, wanted[:, 0], radii, loose)
    return [replace(m, centre=c) for m, c in zip(motions, centres, strict=True)]


def _pushed(places: Numbers, first: Numbers, radii: Numbers, loose: Numbers) -> Numbers:
    """Push pairs (N, 2) that are too near apart, by turns."""
    places = places.copy()
    for _ in range(_ROUNDS):
        pairs = KDTree(places).query_pairs(2 * _CONTACT * radii.max(), output_type="ndarray")
        a, b = pairs.T
        way = places[b] - places[a]
        away = np.linalg.norm(way, axis=1)
        start = np.linalg.norm(first[b] - first[a], axis=1)
        lacking = np.minimum(start, _CONTACT * (radii[a] + radii[b])) - away
        near = (lacking > 0) & (loose[a] + loose[b] > 0)
        if not near.any():
            break
        a, b = a[near], b[near]
        step = (lacking / np.maximum(away, 1e-6))[near, None] * way[near]
        share = (loose[a] / (loose[a] + loose[b]))[:, None]
        np.add.at(places, a, -step * share)
        np.add.at(places, b, step * (1 - share))
    return places
