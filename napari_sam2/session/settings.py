"""Settings of a session, fixed when it is created."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.protocol import MemoryPolicy


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Choices that change the results of a session, or its use of resources.

    Parameters
    ----------
    view : ViewPolicy
        Which view of a plane the model is shown.
    memory : MemoryPolicy
        Which frames are remembered while an object is tracked.
    smoothing : bool
        Whether contours of tracked masks are smoothed. Masks of ``full`` views never are.
    end_detection : bool
        Whether a track ends after some frames without its object. It applies along z, y and x;
        along t an object may return.
    group_size : int
        Number of objects in one call of the model. It is fixed for a run and stored with it, as
        results may differ in the last bits between sizes.
    checkpoint_every : int
        Number of frames between the states from which an interrupted run can be resumed.
    cache_bytes : int
        Memory for image features that are kept, in bytes.
    """

    view: ViewPolicy = field(default_factory=ViewPolicy)
    memory: MemoryPolicy = MemoryPolicy.DISTRACTOR_AWARE
    smoothing: bool = True
    end_detection: bool = True
    group_size: int = 8
    checkpoint_every: int = 16
    cache_bytes: int = 256 * 1024**2

    def detects_end_along(self, axis: str) -> bool:
        """Return whether tracks along an axis (lower case) can end."""
        return self.end_detection and axis != "t"
