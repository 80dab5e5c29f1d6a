"""When an object has ended: an organ's last slice must not leak into its neighbour."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True, slots=True)
class TerminationRule:
    """Ends a track after enough frames in a row on which the object is as good as gone.

    Parameters
    ----------
    patience : int
        Frames in a row.
    least_area : float
        Share of the object's usual area below which it counts as gone.
    least_contrast : float
        Share of its contrast where it was clearest below which it counts as gone: the light of
        slices nearby looks like a faint object. Holds for objects that once stood out.
    fading, most_contrast : float
        What has faded below the first share of its clearest contrast and then exceeds the second
        is another object: brightness falls towards an object's end and rises in the next one.
    """

    patience: int = 3
    least_area: float = 0.02
    least_contrast: float = 0.2
    fading: float = 0.7
    most_contrast: float = 1.3


@dataclass(frozen=True, slots=True)
class PresenceHistory:
    """How an object has fared so far along one direction.

    Parameters
    ----------
    usual_area : float
        Running mean area, in pixels, over the frames where the object was there.
    gone : int
        Frames in a row on which it was as good as gone.
    clearest : ObjectContrast or None
        Where it stood out most, if it ever did.
    faintest : float
        The smallest share of the clearest contrast until then that it has had.
    """

    usual_area: float = 0.0
    gone: int = 0
    clearest: ObjectContrast | None = None
    faintest: float = 1.0

    def advance(
        self,
        area: int,
        object_score: float,
        rule: TerminationRule,
        contrast: ObjectContrast | None = None,
    ) -> PresenceHistory:
        """Return the presence with one more frame seen."""
        if object_score <= 0 or area <= rule.least_area * self.usual_area or area == 0:
            return replace(self, gone=self.gone + 1)
        usual = area if self.usual_area == 0 else 0.9 * self.usual_area + 0.1 * area
        return PresenceHistory(usual, 0, self._clearest(contrast), self._faintest(contrast))

    def doubtful(self, contrast: ObjectContrast, rule: TerminationRule) -> bool:
        """Whether the object has faded away, or another one has come into its place.

        The former is so when next to nothing is left of its contrast; the latter when it faded
        before and now stands out more than it ever did.
        """
        if self.clearest is None:
            return False
        brighter = contrast.times(self.clearest) > rule.most_contrast
        faded = contrast.left_of(self.clearest) < rule.least_contrast
        return faded or (brighter and self.faintest < rule.fading)

    def ended(self, rule: TerminationRule | None) -> bool:
        """Whether ``rule`` calls the track ended; without a rule, never."""
        return rule is not None and self.gone >= rule.patience

    def _clearest(self, contrast: ObjectContrast | None) -> ObjectContrast | None:
        if contrast is None or not contrast.clear:
            return self.clearest
        clearer = self.clearest is None or abs(contrast.step) > abs(self.clearest.step)
        return contrast if clearer else self.clearest

    def _faintest(self, contrast: ObjectContrast | None) -> float:
        if contrast is None or self.clearest is None:
            return self.faintest
        return min(self.faintest, contrast.left_of(self.clearest))


_GAP = 2
_RING = 4
_NORMAL = 1.4826
_CLEAR = 4.0


@dataclass(frozen=True, slots=True)
class ObjectContrast:
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

    def left_of(self, clearest: ObjectContrast) -> float:
        """Return how much of an earlier, clear contrast there is still: 1 for all of it.

        An object has faded when it is as dark as its surroundings were *and* as they are now. One
        that keeps its grey value beside another neighbour, or changes it with them, has not.
        """
        return max(self._shares(clearest))

    def times(self, clearest: ObjectContrast) -> float:
        """Return how many times an earlier, clear contrast it is, by either surroundings."""
        return min(self._shares(clearest))

    def _shares(self, clearest: ObjectContrast) -> tuple[float, float]:
        """Return the shares of its step by the surroundings then, and by those now."""
        own = (self.inside - clearest.around) / clearest.step
        return own, self.step / clearest.step


def contrast_of(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> ObjectContrast | None:
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
    return ObjectContrast(float(grey[inside].mean()), around, max(spread, 1.0))
