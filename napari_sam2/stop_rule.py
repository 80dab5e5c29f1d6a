"""When an object has ended: an organ's last slice must not leak into its neighbour."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_sam2.contrast import Contrast


@dataclass(frozen=True, slots=True)
class StopRule:
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
class Presence:
    """How an object has fared so far along one direction.

    Parameters
    ----------
    usual_area : float
        Running mean area, in pixels, over the frames where the object was there.
    gone : int
        Frames in a row on which it was as good as gone.
    clearest : Contrast or None
        Where it stood out most, if it ever did.
    faintest : float
        The smallest share of the clearest contrast until then that it has had.
    """

    usual_area: float = 0.0
    gone: int = 0
    clearest: Contrast | None = None
    faintest: float = 1.0

    def after(
        self, area: int, object_score: float, rule: StopRule, contrast: Contrast | None = None
    ) -> Presence:
        """Return the presence with one more frame seen."""
        if object_score <= 0 or area <= rule.least_area * self.usual_area or area == 0:
            return replace(self, gone=self.gone + 1)
        usual = area if self.usual_area == 0 else 0.9 * self.usual_area + 0.1 * area
        return Presence(usual, 0, self._clearest(contrast), self._faintest(contrast))

    def doubtful(self, contrast: Contrast, rule: StopRule) -> bool:
        """Whether the object has faded away, or another one has come into its place.

        The former is so when next to nothing is left of its contrast; the latter when it faded
        before and now stands out more than it ever did.
        """
        if self.clearest is None:
            return False
        brighter = contrast.times(self.clearest) > rule.most_contrast
        faded = contrast.left_of(self.clearest) < rule.least_contrast
        return faded or (brighter and self.faintest < rule.fading)

    def ended(self, rule: StopRule | None) -> bool:
        """Whether ``rule`` calls the track ended; without a rule, never."""
        return rule is not None and self.gone >= rule.patience

    def _clearest(self, contrast: Contrast | None) -> Contrast | None:
        if contrast is None or not contrast.clear:
            return self.clearest
        clearer = self.clearest is None or abs(contrast.step) > abs(self.clearest.step)
        return contrast if clearer else self.clearest

    def _faintest(self, contrast: Contrast | None) -> float:
        if contrast is None or self.clearest is None:
            return self.faintest
        return min(self.faintest, contrast.left_of(self.clearest))
