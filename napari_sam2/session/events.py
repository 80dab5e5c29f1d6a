"""What a session tells its viewers."""

from __future__ import annotations

from dataclasses import dataclass

from psygnal import Signal, SignalGroup

from napari_sam2.masks.mask import FrameResult


class SessionEvents(SignalGroup):
    """What a viewer listens to; sent from whatever thread did the work."""

    result = Signal(FrameResult)
    """A mask was computed and stored."""
    masks = Signal(int, tuple)
    """Object id and index of a mask that was changed, accepted or deleted."""
    objects = Signal()
    """Objects were added, removed, renamed, hidden."""
    notice = Signal(str)
    """What the user should know of the input, once, when work on it begins; see
    ``Stack.notes``."""
    progress = Signal(int, int)
    """Frames swept and frames to sweep."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far the last propagation came.

    Parameters
    ----------
    done, total : int
        Frames swept and to sweep; a frame that is swept both ways counts twice.
    cancelled : bool
        Whether it was stopped before its end.
    """

    done: int = 0
    total: int = 0
    cancelled: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.done == self.total
