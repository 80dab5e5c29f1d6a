"""Drawn nuclei that move, with their truth: bright textured ellipses on a dark, noisy ground."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Labels = NDArray[np.uint16]
Image = NDArray[np.uint8]
Centers = NDArray[np.float64]

GROUND, BRIGHT, NOISE = 22.0, 120.0, 6.0


@dataclass(frozen=True)
class Nuclei:
    """Shapes of nuclei and where they are on each frame.

    Parameters
    ----------
    centers : ndarray
        (frames, objects, 2) as (y, x).
    radii : ndarray
        (objects, 2), half axes.
    angles : ndarray
        (objects,), in radians.
    textures : ndarray
        (objects, side, side), brightness around 1.
    """

    centers: Centers
    radii: NDArray[np.float64]
    angles: NDArray[np.float64]
    textures: NDArray[np.float64]

    @classmethod
    def around(cls, centers: Centers, diameter: float, rng: np.random.Generator) -> Nuclei:
        """Return nuclei of about ``diameter`` on given paths."""
        count = centers.shape[1]
        mean = diameter / 2 * rng.uniform(0.88, 1.12, count)
        stretch = rng.uniform(1.0, 1.18, count)
        radii = np.stack([mean * stretch, mean / stretch], axis=1)
        side = 2 * int(radii.max()) + 9
        grain = ndimage.gaussian_filter(rng.normal(size=(count, side, side)), (0, 2.2, 2.2))
        textures = rng.uniform(0.75, 1.2, (count, 1, 1)) + 0.12 * grain / grain.std()
        return cls(centers, radii, rng.uniform(0, np.pi, (count,)), textures)

    def frame(
        self, number: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Image, Labels]:
        """Draw one frame; where nuclei would overlap a pixel belongs to the deeper one."""
        depth = np.zeros(shape)
        light = np.zeros(shape)
        labels = np.zeros(shape, np.uint16)
        for item, center in enumerate(self.centers[number]):
            self._draw(item, center, depth, light, labels)
        blurred = ndimage.gaussian_filter(GROUND + BRIGHT * light, 0.8)
        noisy = blurred + rng.normal(0, NOISE, shape)
        return np.clip(noisy, 0, 255).astype(np.uint8), labels

    def _draw(
        self,
        item: int,
        center: NDArray[np.float64],
        depth: NDArray[np.float64],
        light: NDArray[np.float64],
        labels: Labels,
    ) -> None:
        side = self.textures.shape[1]
        corner = np.round(center).astype(int) - side // 2
        low = np.maximum(corner, 0)
        high = np.minimum(corner + side, depth.shape)
        if np.any(low >= high):
            return
        place = slice(low[0], high[0]), slice(low[1], high[1])
        own = tuple(slice(a - c, b - c) for a, b, c in zip(low, high, corner, strict=True))
        inside = self._inside(item, center, place)
        here = inside > depth[place]
        depth[place][here] = inside[here]
        light[place][here] = self.textures[item][own][here]
        labels[place][here] = item + 1

    def _inside(
        self, item: int, center: NDArray[np.float64], place: tuple[slice, slice]
    ) -> NDArray[np.float64]:
        """Return 1 in the middle of an ellipse, 0 on its outline, less outside."""
        y, x = np.ogrid[place]
        y, x = y - center[0], x - center[1]
        sine, cosine = np.sin(self.angles[item]), np.cos(self.angles[item])
        first, second = self.radii[item]
        along, across = (x * cosine + y * sine) / first, (y * cosine - x * sine) / second
        outlined: NDArray[np.float64] = 1 - np.hypot(along, across)
        return outlined

    def movie(self, shape: tuple[int, int], seed: int) -> Iterator[tuple[Image, Labels]]:
        """Draw all frames, one at a time."""
        for number in range(len(self.centers)):
            yield self.frame(number, shape, np.random.default_rng((seed, number)))


def clustered(
    shape: tuple[int, int], count: int, clusters: int, frames: int, diameter: float, seed: int
) -> Nuclei:
    """Return nuclei that touch in clusters and move by up to 10 px a frame.

    Each cluster drifts, and its members push each other about: they stay in touch and change
    places a little.
    """
    rng = np.random.default_rng(seed)
    home = np.arange(count) % clusters
    grid = int(np.ceil(np.sqrt(clusters)))
    cells = np.stack(np.divmod(np.arange(clusters), grid), axis=1) + 0.5
    middles = cells * np.array(shape) / grid + rng.uniform(-0.06, 0.06, (clusters, 2)) * shape
    angles = rng.uniform(0, 2 * np.pi, clusters)
    speed = rng.uniform(3, 7, clusters)
    drift = (speed * np.stack([np.sin(angles), np.cos(angles)])).T
    offsets = rng.normal(0, diameter, (count, 2))
    for _ in range(200):
        offsets = _settled(offsets, home, diameter)
    centers = np.zeros((frames, count, 2))
    for frame in range(frames):
        centers[frame] = middles[home] + offsets
        drift = np.where(_leaving(middles, shape), -drift, drift)
        wobble = _settled(offsets + rng.normal(0, 1.5, offsets.shape), home, diameter) - offsets
        step = drift[home] + wobble
        length = np.hypot(*step.T)[:, None]
        step *= np.minimum(1, 10 / np.maximum(length, 1e-9))
        offsets = offsets + step - drift[home]
        middles = middles + drift
    return Nuclei.around(centers, diameter, rng)


def scattered(
    shape: tuple[int, int], count: int, frames: int, diameter: float, seed: int
) -> Nuclei:
    """Return nuclei on a loose grid that wander by about 2 px a frame and never touch."""
    rng = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(count * shape[1] / shape[0])))
    rows = -(-count // columns)
    cells = np.stack(np.divmod(np.arange(count), columns), axis=1) + 0.5
    starts = cells * np.array(shape) / (rows, columns)
    room = min(shape[0] / rows, shape[1] / columns) / 2 - 0.8 * diameter
    phase = rng.uniform(0, 2 * np.pi, (count, 2)) + np.arange(frames)[:, None, None] * 0.2
    return Nuclei.around(starts + max(room, 0.0) * np.sin(phase), diameter, rng)


def _leaving(middles: Centers, shape: tuple[int, int]) -> NDArray[np.bool_]:
    margin = np.array(shape) / 12
    return (middles < margin) | (middles > np.array(shape) - margin)


def _settled(offsets: Centers, home: NDArray[np.intp], diameter: float) -> Centers:
    """Move members of a cluster apart where they overlap, and all a little to its middle."""
    moved = offsets * 0.99
    for cluster in np.unique(home):
        members = np.flatnonzero(home == cluster)
        tree = cKDTree(moved[members])
        for i, j in tree.query_pairs(0.98 * diameter):
            a, b = members[i], members[j]
            apart = moved[a] - moved[b]
            distance = max(float(np.hypot(*apart)), 1e-6)
            push = apart / distance * (0.98 * diameter - distance) / 2
            moved[a], moved[b] = moved[a] + push, moved[b] - push
    return moved
