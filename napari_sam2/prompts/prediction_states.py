"""What is known about the mask that is predicted from the prompts of one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from napari_sam2.core.edit_log import EditLog, NullEditLog
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.mask import MaskCrop


@dataclass(frozen=True, slots=True, order=True)
class PredictionKey:
    """Identifies the prediction for one object on one frame.

    Parameters
    ----------
    position : FixedPosition
        Position of the session.
    object_id : int
        The label value.
    frame : int
        Position along the propagated axis.
    """

    position: FixedPosition
    object_id: int
    frame: int


@dataclass(frozen=True, slots=True)
class PredictionState:
    """What is known about the mask of one object on one frame, apart from its prompts.

    Parameters
    ----------
    chosen : MaskCrop or None
        The candidate that the user chose in place of the best one.
    corrected : MaskCrop or None
        The tracked mask that the prompts correct, as it was before the first of them.
    awaited : bool
        Whether the mask of the present prompts is not stored yet.
    """

    chosen: MaskCrop | None = None
    corrected: MaskCrop | None = None
    awaited: bool = False


UNPROMPTED = PredictionState()
"""The state of a frame without prompts."""


class PredictionStates:
    """The states of all predictions of a session.

    Parameters
    ----------
    position : FixedPosition
        Position of the session.

    Attributes
    ----------
    edits : EditLog
        Records the states that are replaced.
    """

    def __init__(self, position: FixedPosition) -> None:
        self._position = position
        self._states: dict[tuple[int, int], PredictionState] = {}
        self.edits: EditLog = NullEditLog()

    def get(self, object_id: int, frame: int) -> PredictionState:
        """Return the state of an object on a frame."""
        return self._states.get((object_id, frame), UNPROMPTED)

    def change(self, object_id: int, frame: int, **values: Any) -> None:
        """Replace some fields of a state."""
        with self.edits.edit("Change a prediction"):
            self._set(object_id, frame, replace(self.get(object_id, frame), **values))

    def prompts_changed(self, object_id: int, frame: int, *, prompted: bool) -> None:
        """Drop the candidate that was chosen for the previous prompts, and await a new mask."""
        corrected = self.get(object_id, frame).corrected if prompted else None
        self._set(object_id, frame, PredictionState(None, corrected, prompted))

    def stored(self, object_id: int, frame: int) -> None:
        """Note that the mask of the present prompts is stored."""
        if self.get(object_id, frame).awaited:
            self.change(object_id, frame, awaited=False)

    def exchange(self, object_id: int, frame: int, new: PredictionState) -> PredictionState:
        """Set a state and return the one before."""
        before = self.get(object_id, frame)
        with self.edits.edit("Set a prediction"):
            self._set(object_id, frame, new)
        return before

    def restore(self, states: Mapping[PredictionKey, PredictionState]) -> None:
        """Replace all states by saved ones; nothing is recorded."""
        self._states = {(key.object_id, key.frame): state for key, state in states.items()}

    def items(self) -> list[tuple[PredictionKey, PredictionState]]:
        """Return all states, by object and frame."""
        position = self._position
        states = sorted(self._states.items(), key=lambda item: item[0])
        return [(PredictionKey(position, *key), state) for key, state in states]

    def _set(self, object_id: int, frame: int, new: PredictionState) -> None:
        before = self.get(object_id, frame)
        if new is before:
            return
        self.edits.record(PredictionKey(self._position, object_id, frame), before, new)
        if new == UNPROMPTED:
            self._states.pop((object_id, frame), None)
        else:
            self._states[object_id, frame] = new
