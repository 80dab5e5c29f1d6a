"""What a session is run with, fixed when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.view_placement import ViewSizing
from napari_sam2.tracking.termination import TerminationRule


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Choices that change results or resources.

    Parameters
    ----------
    view : ViewPolicy
        Which windows of a plane the model sees.
    view_sizes : ViewSizing
        How close it looks.
    stop_rule : TerminationRule or None
        When a track has ended.
    stop_in_time : bool
        Whether the rule holds along t too, where objects come back.
    least_piece : float
        Where views are chosen (not in ``full``), smaller pieces of a mask than this share of its
        largest one are left out, unless a prompt shows the object in such pieces; 0 keeps all.
    smoothing : float
        Where views are chosen, outlines of tracked masks are smoothed by one pixel of the model's
        mask, or by this share of the object's size if that is less; 0 leaves them as they are.
    group_size : int
        Objects in one call of the model. Results may differ in the last bits between sizes, so
        it is fixed for a run and stored with it.
    checkpoint_every : int
        Frames between the states that an interrupted run goes on from.
    cache_bytes : int
        What kept image features may take.
    """

    view: ViewPolicy = field(default_factory=ViewPolicy)
    view_sizes: ViewSizing = field(default_factory=ViewSizing)
    stop_rule: TerminationRule | None = field(default_factory=TerminationRule)
    stop_in_time: bool = False
    least_piece: float = 0.2
    smoothing: float = 0.05
    group_size: int = 8
    checkpoint_every: int = 16
    cache_bytes: int = 256 * 1024**2

    def stop_rule_along(self, axis: str) -> TerminationRule | None:
        """Return the stop rule for a propagated axis."""
        return None if axis == "t" and not self.stop_in_time else self.stop_rule
