"""Series of volumes (t, z, y, x) of moving nuclei, some of which divide, whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SHAPE = (4, 5, 40, 48)
"""Of a small series."""
AXES = ("t", "z", "y", "x")
Center = tuple[float, float, float]


@dataclass(frozen=True)
class Nucleus:
    """One nucleus of a series.

    Parameters
    ----------
    id : int
        The label value.
    first : int
        Its first time point.
    centers : NDArray[np.float64]
        (n, 3) as (z, y, x), one per time point from the first one; NaN where it is absent.
    radii : tuple of float
        Half axes along z, y, x in pixels.
    """

    id: int
    first: int
    centers: NDArray[np.float64]
    radii: tuple[float, float, float]

    @property
    def click(self) -> tuple[int, int, tuple[float, float]]:
        """Time point, depth and (y, x) of a click on its center where it appears."""
        z, y, x = self.centers[0]
        return self.first, round(z), (float(y), float(x))


@dataclass(frozen=True)
class NucleiSeries:
    """A series and its truth.

    Parameters
    ----------
    image : NDArray[np.uint8]
        (T, Z, Y, X).
    labels : NDArray[np.uint16]
        (T, Z, Y, X), the id of the nucleus of each voxel; daughters have ids of their own.
    nuclei : tuple of Nucleus
        The nuclei, by id.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    nuclei: tuple[Nucleus, ...]

    def prompts(self) -> dict[str, object]:
        """Return one click per nucleus, as the content of a prompt file."""
        objects = []
        for nucleus in self.nuclei:
            t, z, yx = nucleus.click
            point = {"t": t, "z": z, "yx": list(yx), "label": 1}
            objects.append({"id": nucleus.id, "points": [point]})
        return {"version": 1, "objects": objects}


def draw(shape: tuple[int, int, int, int], nuclei: tuple[Nucleus, ...]) -> NDArray[np.uint16]:
    """Return labels (T, Z, Y, X) of ellipsoids; where two meet, the later one has the voxels."""
    labels = np.zeros(shape, np.uint16)
    z, y, x = np.ogrid[: shape[1], : shape[2], : shape[3]]
    for nucleus in nuclei:
        for time, center in enumerate(nucleus.centers, nucleus.first):
            if not np.isnan(center).any():
                offsets = zip((z, y, x), center, nucleus.radii, strict=True)
                inside = sum(((axis - c) / r) ** 2 for axis, c, r in offsets) <= 1
                labels[time][inside] = nucleus.id
    return labels


def moving_balls(
    shape: tuple[int, int, int, int],
    starts: list[Center],
    steps: list[Center],
    radius: float = 5.0,
    depth: float = 2.5,
) -> NucleiSeries:
    """Return bright balls on dark ground that move evenly."""
    times = np.arange(shape[0])[:, None]
    nuclei = tuple(
        Nucleus(i, 0, np.array(start) + times * np.array(step), (depth, radius, radius))
        for i, (start, step) in enumerate(zip(starts, steps, strict=True), 1)
    )
    labels = draw(shape, nuclei)
    return NucleiSeries(np.where(labels > 0, 200, 20).astype(np.uint8), labels, nuclei)


def two_balls() -> NucleiSeries:
    """Return two balls that move through the volumes of a small series."""
    starts = [(2.0, 12.0, 12.0), (2.0, 28.0, 36.0)]
    return moving_balls(SHAPE, starts, [(0.3, 1.0, 2.0), (-0.3, 1.0, -1.0)])


def dividing_nuclei(
    seed: int, shape: tuple[int, int, int, int] = (10, 16, 128, 128), cells: int = 9
) -> NucleiSeries:
    """Return noisy fluorescent nuclei that drift in all directions; a third of them divide."""
    rng = np.random.default_rng(seed)
    n_times, depth, height, width = shape
    side = int(np.ceil(np.sqrt(cells)))
    grid = [((i + 0.5) / side, (j + 0.5) / side) for i in range(side) for j in range(side)]
    nuclei: list[Nucleus] = []
    for number, (gy, gx) in enumerate(grid[:cells]):
        radius = rng.uniform(7, 10)
        radii = (radius * 0.4, radius, radius * rng.uniform(0.8, 1.2))
        start = np.array([rng.uniform(0.35, 0.65) * depth, gy * height, gx * width])
        steps = rng.normal(0, (0.35, 1.0, 1.0), (n_times, 3)) + rng.normal(0, (0.1, 0.5, 0.5))
        centers = start + np.cumsum(steps, axis=0)
        division = int(rng.integers(3, n_times - 3)) if number % 3 == 0 else n_times
        nuclei.append(Nucleus(len(nuclei) + 1, 0, centers[:division], radii))
        if division < n_times:
            nuclei += _daughters(rng, len(nuclei) + 1, division, centers[division:], radii)
    labels = draw(shape, tuple(nuclei))
    return NucleiSeries(_image(rng, labels), labels, tuple(nuclei))


def _daughters(
    rng: np.random.Generator,
    first_id: int,
    time: int,
    centers: NDArray[np.float64],
    radii: tuple[float, float, float],
) -> list[Nucleus]:
    angle = rng.uniform(0, np.pi)
    apart = np.array([0.1, np.sin(angle), np.cos(angle)])
    distance = radii[1] * (0.75 + 0.12 * np.arange(len(centers)))[:, None]
    small = (radii[0] * 0.8, radii[1] * 0.75, radii[2] * 0.75)
    signs = (1, -1)
    return [
        Nucleus(first_id + i, time, centers + sign * distance * apart, small)
        for i, sign in enumerate(signs)
    ]


def _image(rng: np.random.Generator, labels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return an image of labels: own brightness per nucleus, texture, blur that grows along z."""
    levels = np.r_[0.0, rng.uniform(70, 150, int(labels.max()))][labels]
    blurred = np.stack([ndimage.gaussian_filter(volume, (0.8, 1.2, 1.2)) for volume in levels])
    texture = ndimage.gaussian_filter(rng.normal(0, 1, labels.shape), (0, 0.7, 1.5, 1.5))
    shown = 22 + blurred * (1 + 1.2 * texture)
    return np.clip(rng.poisson(np.maximum(shown, 0)), 0, 255).astype(np.uint8)
