"""Termination of tracks: when an object is absent, by its area and contrast."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True, slots=True)
class TerminationRule:
    """Limits of area and contrast below which an object counts as absent, and a track ends.

    Parameters
    ----------
    patience : int
        Number of consecutive frames without the object after which its track ends.
    least_area : float
        Share of the object's usual area below which it counts as absent.
    least_contrast : float
        Share of its highest contrast below which it counts as absent: out-of-focus light of
        nearby slices looks like a faint object. Applies to objects that had a clear contrast.
    fading, most_contrast : float
        A mask that exceeds ``most_contrast`` times the object's highest contrast, after a decrease
        below ``fading`` times it, belongs to another object: contrast decreases towards an
        object's end and increases in the next object.
    """

    patience: int = 3
    least_area: float = 0.02
    least_contrast: float = 0.2
    fading: float = 0.7
    most_contrast: float = 1.3


@dataclass(frozen=True, slots=True)
class PresenceHistory:
    """Area and contrast of an object on the frames of a track so far.

    Parameters
    ----------
    usual_area : float
        Running mean of the area in pixels over the frames with the object.
    gone : int
        Number of consecutive frames without the object, up to the last one.
    clearest : ObjectContrast or None
        The highest contrast, if it was ever clear.
    faintest : float
        The lowest share of the highest contrast before it.
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
        """Return the history after one more frame."""
        if object_score <= 0 or area <= rule.least_area * self.usual_area or area == 0:
            return replace(self, gone=self.gone + 1)
        usual = area if self.usual_area == 0 else 0.9 * self.usual_area + 0.1 * area
        return PresenceHistory(usual, 0, self._clearest(contrast), self._faintest(contrast))

    def doubtful(self, contrast: ObjectContrast, rule: TerminationRule) -> bool:
        """Return whether a mask with this contrast does not show the object.

        This is so if little of the object's highest contrast is left, or if its contrast had
        decreased before and is now higher than ever, as in another object.
        """
        if self.clearest is None:
            return False
        brighter = contrast.times(self.clearest) > rule.most_contrast
        faded = contrast.left_of(self.clearest) < rule.least_contrast
        return faded or (brighter and self.faintest < rule.fading)

    def ended(self, rule: TerminationRule | None) -> bool:
        """Return whether the track has ended by ``rule``; False without a rule."""
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
    """Gray values of an object and of its surroundings, in 0..255 of the model's image.

    Parameters
    ----------
    inside : float
        Mean of the object.
    around : float
        Median of a ring around it, which few bright neighbors hardly change.
    spread : float
        Robust standard deviation of the ring (1.4826 times the median absolute deviation), at
        least 1.
    """

    inside: float
    around: float
    spread: float

    @property
    def step(self) -> float:
        """Gray value of the object above that of its surroundings; negative if it is darker."""
        return self.inside - self.around

    @property
    def clear(self) -> bool:
        """Whether the contrast exceeds noise and texture of the surroundings."""
        return abs(self.step) >= _CLEAR * self.spread

    def left_of(self, clearest: ObjectContrast) -> float:
        """Return the share of an earlier contrast that is left; 1 means all of it.

        The larger of two shares counts: relative to the surroundings then and to those now. An
        object that keeps its gray value next to another neighbor has therefore not faded.
        """
        return max(self._shares(clearest))

    def times(self, clearest: ObjectContrast) -> float:
        """Return the ratio to an earlier contrast, by the surroundings that give the lower one."""
        return min(self._shares(clearest))

    def _shares(self, clearest: ObjectContrast) -> tuple[float, float]:
        """Return the ratios to an earlier contrast by the surroundings then, and by those now."""
        own = (self.inside - clearest.around) / clearest.step
        return own, self.step / clearest.step


def contrast_of(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> ObjectContrast | None:
    """Return the contrast of an object with its surroundings.

    Parameters
    ----------
    image : NDArray[np.uint8]
        (H, W, 3), the image that the model is shown.
    mask : NDArray[np.bool_]
        (H, W), true inside the object.

    Returns
    -------
    ObjectContrast or None
        None if the mask is empty or no pixel around it is left.
    """
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found:
        return None
    reach = _GAP + _RING
    part = tuple(
        slice(max(s.start - reach, 0), min(s.stop + reach, n))
        for s, n in zip(found[0], mask.shape, strict=True)
    )
    gray, inside = image[part].mean(axis=2), mask[part]
    away = ndimage.distance_transform_edt(~inside)
    ring = gray[(away > _GAP) & (away <= reach)]
    if ring.size == 0:
        return None
    around = float(np.median(ring))
    spread = _NORMAL * float(np.median(np.abs(ring - around)))
    return ObjectContrast(float(gray[inside].mean()), around, max(spread, 1.0))
