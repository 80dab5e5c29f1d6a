"""Out-of-focus light: slices of a fluorescent volume also show the slices above and below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.rendering import Image


@dataclass(frozen=True, slots=True)
class Defocus:
    """Axial spread of light in a microscope.

    The axial profile is a Gaussian core with exponential tails, a common approximation of a
    confocal point spread function. Light of distant slices is blurred more within the slice.

    Parameters
    ----------
    core : float
        Standard deviation of the core in slices.
    tail : float
        Distance in slices over which the tails fall to 1/e.
    share : float
        Fraction of the light in the tails.
    blur : float
        Standard deviation in pixels of the blur one slice away.
    margin : int
        Number of slices before the first and after the last whose light is visible.
    """

    core: float
    tail: float
    share: float
    blur: float
    margin: int = 5

    def profile(self) -> NDArray[np.float32]:
        """Return the weights (2 margin + 1,) of a slice and its neighbors, which sum to 1."""
        away = np.abs(np.arange(-self.margin, self.margin + 1))
        core = np.exp(-0.5 * (away / self.core) ** 2)
        tails = np.exp(-away / self.tail)
        weights = (1 - self.share) * core / core.sum() + self.share * tails / tails.sum()
        return weights.astype(np.float32)

    def apply(self, values: Image) -> Image:
        """Return slices with the out-of-focus light of their neighbors.

        Parameters
        ----------
        values : NDArray[np.float32]
            (Z + 2 margin, H, W, C) light of each slice.

        Returns
        -------
        NDArray[np.float32]
            (Z, H, W, C) visible light of each slice, without the margins.
        """
        away, weights = np.arange(-self.margin, self.margin + 1), self.profile()
        inner = slice(self.margin, len(values) - self.margin)
        out = weights[self.margin] * values[inner]
        # Three widths instead of one for each distance give the same result.
        blurred = values
        for nearest, farthest, sigma in ((1, 2, self.blur), (3, self.margin, 2.5 * self.blur)):
            blurred = ndimage.gaussian_filter(blurred, sigma, axes=(1, 2), truncate=2.5)
            kernel = np.where((abs(away) >= nearest) & (abs(away) <= farthest), weights, 0)
            out += ndimage.correlate1d(blurred, kernel, axis=0)[inner]
        return out


def draw_defocus(rng: np.random.Generator) -> Defocus:
    """Return a random spread, from nearly perfect sections to light from many slices."""
    return Defocus(
        core=float(rng.uniform(0.3, 1.5)),
        tail=float(rng.uniform(1.0, 4.0)),
        share=float(rng.uniform(0.05, 0.5)),
        blur=float(rng.uniform(0.4, 1.5)),
    )
