"""How clearly an object stands out from what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_GAP = 2
_RING = 4
_NORMAL = 1.4826
_CLEAR = 4.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """Grey values of an object and around it, in 0..255 as the model sees them.

    Parameters
    ----------
    inside : float
        Mean over the object.
    around : float
        Median over a ring around it, so that bright neighbours count little.
    spread : float
        Robust standard deviation over the ring, at least 1.
    """

    inside: float
    around: float
    spread: float

    @property
    def step(self) -> float:
        """How much brighter the object is than its surroundings; negative if darker."""
        return self.inside - self.around

    @property
    def clear(self) -> bool:
        """Whether the object stands out from the noise and the texture around it."""
        return abs(self.step) >= _CLEAR * self.spread

    def left_of(self, clearest: Contrast) -> float:
        """Return how much of an earlier, clear contrast there is still: 1 for all of it.

        An object has faded when it is as dark as its surroundings were *and* as they are now. One
        that keeps its grey value beside another neighbour, or changes it with them, has not.
        """
        return max(self._shares(clearest))

    def times(self, clearest: Contrast) -> float:
        """Return how many times an earlier, clear contrast it is, by either surroundings."""
        return min(self._shares(clearest))

    def _shares(self, clearest: Contrast) -> tuple[float, float]:
        """Return the shares of its step by the surroundings then, and by those now."""
        own = (self.inside - clearest.around) / clearest.step
        return own, self.step / clearest.step


def contrast_of(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Contrast | None:
    """Measure the contrast of an object.

    Parameters
    ----------
    image : NDArray[np.uint8]
        (H, W, 3), what the model sees.
    mask : NDArray[np.bool_]
        (H, W), the object.

    Returns
    -------
    Contrast or None
        None where the mask is empty or leaves nothing around it.
    """
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found:
        return None
    reach = _GAP + _RING
    part = tuple(
        slice(max(s.start - reach, 0), min(s.stop + reach, n))
        for s, n in zip(found[0], mask.shape, strict=True)
    )
    grey, inside = image[part].mean(axis=2), mask[part]
    away = ndimage.distance_transform_edt(~inside)
    ring = grey[(away > _GAP) & (away <= reach)]
    if ring.size == 0:
        return None
    around = float(np.median(ring))
    spread = _NORMAL * float(np.median(np.abs(ring - around)))
    return Contrast(float(grey[inside].mean()), around, max(spread, 1.0))
