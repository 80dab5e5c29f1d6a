"""Light from out of focus: slices of a fluorescent volume also show what lies above and below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.rendering import Image


@dataclass(frozen=True, slots=True)
class Defocus:
    """How a microscope spreads light along z.

    The axial profile is a Gaussian core with exponential tails, a usual approximation of a
    confocal point spread function; the farther the light comes, the more it is blurred in plane.

    Parameters
    ----------
    core : float
        Standard deviation of the core in slices.
    tail : float
        Distance in slices over which the tails fall to 1/e.
    share : float
        Share of the light that is in the tails.
    blur : float
        Standard deviation in pixels of the blur one slice away.
    margin : int
        Slices beyond the first and the last one whose light is still seen.
    """

    core: float
    tail: float
    share: float
    blur: float
    margin: int = 5

    def profile(self) -> NDArray[np.float32]:
        """Return the weights (2 margin + 1,) of the slices around one; they sum to 1."""
        away = np.abs(np.arange(-self.margin, self.margin + 1))
        core = np.exp(-0.5 * (away / self.core) ** 2)
        tails = np.exp(-away / self.tail)
        weights = (1 - self.share) * core / core.sum() + self.share * tails / tails.sum()
        return weights.astype(np.float32)

    def seen_through(self, values: Image) -> Image:
        """Mix the light of slices.

        Parameters
        ----------
        values : NDArray[np.float32]
            (Z + 2 margin, H, W, C) light that each slice emits.

        Returns
        -------
        NDArray[np.float32]
            (Z, H, W, C) light that each slice but those of the margins shows.
        """
        away, weights = np.arange(-self.margin, self.margin + 1), self.profile()
        inner = slice(self.margin, len(values) - self.margin)
        out = weights[self.margin] * values[inner]
        # Three widths stand for one per distance, which nobody could tell apart.
        blurred = values
        for nearest, farthest, sigma in ((1, 2, self.blur), (3, self.margin, 2.5 * self.blur)):
            blurred = ndimage.gaussian_filter(blurred, sigma, axes=(1, 2), truncate=2.5)
            kernel = np.where((abs(away) >= nearest) & (abs(away) <= farthest), weights, 0)
            out += ndimage.correlate1d(blurred, kernel, axis=0)[inner]
        return out


def draw_defocus(rng: np.random.Generator) -> Defocus:
    """Draw a microscope, from nearly perfect sections to light from many slices."""
    return Defocus(
        core=float(rng.uniform(0.3, 1.5)),
        tail=float(rng.uniform(1.0, 4.0)),
        share=float(rng.uniform(0.05, 0.5)),
        blur=float(rng.uniform(0.4, 1.5)),
    )
