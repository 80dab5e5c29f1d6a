"""Termination of tracks along axes of space, where an object ends and does not return."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_sam2.inference.tuning import ABSENT_AREA_SHARE, ABSENT_FRAMES, AREA_MEMORY


@dataclass(frozen=True, slots=True)
class PresenceHistory:
    """Area of an object so far, and for how many frames it has been absent.

    Parameters
    ----------
    usual_area : float
        Running mean of the area in pixels, over the frames with the object.
    absent_frames : int
        Number of consecutive frames without the object, up to the last one.
    """

    usual_area: float = 0.0
    absent_frames: int = 0

    def advance(self, area: int, object_score: float) -> PresenceHistory:
        """Return the history after one more frame.

        Parameters
        ----------
        area : int
            Area of the object's mask in pixels.
        object_score : float
            Logit of the object being visible; at most 0 means absent.
        """
        if object_score <= 0 or area == 0 or area <= ABSENT_AREA_SHARE * self.usual_area:
            return replace(self, absent_frames=self.absent_frames + 1)
        known = self.usual_area > 0
        usual = AREA_MEMORY * self.usual_area + (1 - AREA_MEMORY) * area if known else area
        return PresenceHistory(usual)

    def end(self) -> PresenceHistory:
        """Return the history of an object whose track ends on this frame."""
        return replace(self, absent_frames=ABSENT_FRAMES)

    @property
    def ended(self) -> bool:
        """Whether the object has been absent for so long that its track ends."""
        return self.absent_frames >= ABSENT_FRAMES
