"""The position of a frame in time, and the direction of tracking."""

from __future__ import annotations

from dataclasses import dataclass

from sam2_model.modeling.sam2 import MAX_POINTERS


@dataclass(frozen=True, slots=True)
class FrameTime:
    """A frame's position in time and the direction of tracking.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    reverse : bool
        Whether frames are tracked backward in time.
    video_length : int
        Number of frames of the video; all lengths from 16 on give the same results.
    """

    frame: int
    reverse: bool = False
    video_length: int = MAX_POINTERS

    @property
    def longest_distance(self) -> int:
        """Largest distance in frames of the pointers of tracked frames, at least 1."""
        return max(1, min(self.video_length, MAX_POINTERS) - 1)

    def age(self, frame: int) -> int:
        """Return how many frames ago ``frame`` was tracked; negative for frames ahead."""
        return frame - self.frame if self.reverse else self.frame - frame
