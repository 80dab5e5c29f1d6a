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
    """

    patience: int = 3
    least_area: float = 0.02
    least_contrast: float = 0.2


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
    """

    usual_area: float = 0.0
    gone: int = 0
    clearest: Contrast | None = None

    def after(
        self, area: int, object_score: float, rule: StopRule, contrast: Contrast | None = None
    ) -> Presence:
        """Return the presence with one more frame seen."""
        if object_score <= 0 or area <= rule.least_area * self.usual_area or area == 0:
            return replace(self, gone=self.gone + 1)
        usual = area if self.usual_area == 0 else 0.9 * self.usual_area + 0.1 * area
        return Presence(usual, 0, self._clearest(contrast))

    def faded(self, contrast: Contrast, rule: StopRule) -> bool:
        """Whether next to nothing is left of the contrast that the object had."""
        return self.clearest is not None and contrast.left_of(self.clearest) < rule.least_contrast

    def ended(self, rule: StopRule | None) -> bool:
        """Whether ``rule`` calls the track ended; without a rule, never."""
        return rule is not None and self.gone >= rule.patience

    def _clearest(self, contrast: Contrast | None) -> Contrast | None:
        if contrast is None or not contrast.clear:
            return self.clearest
        clearer = self.clearest is None or abs(contrast.step) > abs(self.clearest.step)
        return contrast if clearer else self.clearest
