"""The state that an interrupted run through a series of volumes resumes from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import MaskOrigin

if TYPE_CHECKING:
    from napari_sam2.tracking.resume_state import Journal


@dataclass(frozen=True, slots=True)
class SeriesState:
    """The step of a run, and where the run along z in its volume starts.

    Parameters
    ----------
    step : int
        Number of the current step of the run; all steps before it are complete.
    planes : tuple of (int, int)
        (object id, z) of the planes on which objects were found along t.
    run : bytes
        State of the run along z, see :class:`napari_sam2.tracking.resume_state.ResumeState`;
        empty before its first checkpoint.
    """

    step: int
    planes: tuple[tuple[int, int], ...] = ()
    run: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the state as a line of JSON and the bytes of the run."""
        return json.dumps([self.step, self.planes]).encode() + b"\n" + self.run

    @classmethod
    def from_bytes(cls, data: bytes) -> SeriesState:
        """Return the state from the bytes of :meth:`to_bytes`."""
        head, _, run = data.partition(b"\n")
        step, planes = json.loads(head)
        return cls(step, tuple((object_id, z) for object_id, z in planes), run)


class StepJournal:
    """The journal of the run along z in one step; see :class:`Journal`.

    Parameters
    ----------
    journal : Journal
        The journal of the whole run.
    state : SeriesState
        The step; its checkpoints are stored with it.
    """

    def __init__(self, journal: Journal, state: SeriesState) -> None:
        self._journal = journal
        self._state = state

    def mark(self, object_ids: Iterable[int], origin: MaskOrigin, index: PlaneIndex) -> None:
        """Record that a plane is complete for some objects."""
        self._journal.mark(object_ids, origin, index)

    def forget(self, *object_ids: int) -> None:
        """Delete the entries of some objects, without any of all, and the checkpoint."""
        self._journal.forget(*object_ids)

    def checkpoint(self, data: bytes) -> None:
        """Store the state of the run along z."""
        state = SeriesState(self._state.step, self._state.planes, data)
        self._journal.checkpoint(state.to_bytes())

    def last_checkpoint(self) -> bytes | None:
        """Return the state of the run along z in this step, or None."""
        return self._state.run or None
