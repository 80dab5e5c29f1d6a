"""What changes a session: decisions of the user as values, and computations by their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.images.intensity import Intensity
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.masks.store import MaskKey
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.objects import ObjectKey
from napari_sam2.session.storage.run_description import ModelIdentity
from napari_sam2.tracking.plan import Plan


@dataclass(frozen=True, slots=True)
class InputUsed:
    """What all computations use from now on.

    Parameters
    ----------
    intensity : Intensity
        Converts raw values to the image that the model is shown.
    model : ModelIdentity
        The model.
    """

    intensity: Intensity
    model: ModelIdentity


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Prompts of an object on a frame, an object of the list or a whole mask were replaced.

    Parameters
    ----------
    key : PromptKey, ObjectKey or MaskKey
        What was replaced; a mask only if it was imported, or computed by a run through several
        sessions.
    value : tuple of Prompt, SegmentedObject, MaskRecord or None
        The new value; None for no object.
    """

    key: PromptKey | ObjectKey | MaskKey
    value: Any


@dataclass(frozen=True, slots=True)
class MaskPredicted:
    """The mask of an object's prompts on a frame was predicted and stored."""

    position: FixedPosition
    object_id: int
    frame: int


@dataclass(frozen=True, slots=True)
class CandidateChosen:
    """Candidate ``number`` of the last prediction was stored in its place."""

    position: FixedPosition
    object_id: int
    frame: int
    number: int


@dataclass(frozen=True, slots=True)
class MaskRefined:
    """A mask was refined, and shared pixels with those of some rivals.

    Parameters
    ----------
    position : FixedPosition
        Position of the session.
    object_id, frame : int
        The mask.
    rivals : tuple of int
        Objects whose pixels it competed for.
    replace : bool
        Whether accepted masks were replaced too.
    """

    position: FixedPosition
    object_id: int
    frame: int
    rivals: tuple[int, ...]
    replace: bool


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The status of an object's masks was changed.

    Parameters
    ----------
    position : FixedPosition
        Position of the session.
    object_id : int
        The label value.
    frames : FrameRanges or None
        Frames; None for all.
    status : MaskStatus
        The new status.
    of : frozenset of MaskStatus
        Only masks of these statuses changed.
    cover : bool
        Whether pixels were taken from accepted masks.
    """

    position: FixedPosition
    object_id: int
    frames: FrameRanges | None
    status: MaskStatus
    of: frozenset[MaskStatus]
    cover: bool = False


@dataclass(frozen=True, slots=True)
class MasksDeleted:
    """An object's masks were deleted on some frames; None for all."""

    position: FixedPosition
    object_id: int
    frames: FrameRanges | None


@dataclass(frozen=True, slots=True)
class MasksMerged:
    """The masks of one object were united with those of another one."""

    position: FixedPosition
    source_id: int
    target_id: int


@dataclass(frozen=True, slots=True)
class MasksMoved:
    """The masks and predictions of an object on some frames became those of another one."""

    position: FixedPosition
    source_id: int
    target_id: int
    frames: FrameRanges


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A propagation was started.

    Parameters
    ----------
    position : FixedPosition
        Position of the session.
    run : int
        Number of the run, unique in the log.
    plan : Plan
        Its sweeps.
    """

    position: FixedPosition
    run: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class RunAdvanced:
    """A run has stored its masks up to a frame.

    Parameters
    ----------
    position : FixedPosition
        Position of the session.
    run : int
        Number of the run.
    done : int
        Number of frames of all sweeps since the start of the run.
    """

    position: FixedPosition
    run: int
    done: int


@dataclass(frozen=True, slots=True)
class StepUndone:
    """The last step was undone."""

    title: str


@dataclass(frozen=True, slots=True)
class StepRedone:
    """The step that was undone last was redone."""

    title: str


@dataclass(frozen=True, slots=True)
class EarlierEdits:
    """The session was edited by a version without a log; what it did is not known."""


SessionAction = (
    MaskPredicted
    | CandidateChosen
    | MaskRefined
    | StatusChanged
    | MasksDeleted
    | MasksMerged
    | MasksMoved
    | RunStarted
    | RunAdvanced
)
"""Actions of the session at a position."""
Action = SessionAction | InputUsed | ValueSet | StepUndone | StepRedone | EarlierEdits


class ActionLog(Protocol):
    """Records actions in their order; a call inside a transaction is a part of it."""

    def append(self, step: int, action: Action) -> None:
        """Record an action of a step of the history; 0 for an action that is no step."""

    def use(self, used: InputUsed) -> None:
        """Record what computations use, with the next action if it has changed."""

    def next_number(self) -> int:
        """Return a number that no step and no run has."""


class NullActionLog:
    """A log that records nothing."""

    def append(self, step: int, action: Action) -> None:
        """Do nothing."""

    def use(self, used: InputUsed) -> None:
        """Do nothing."""

    def next_number(self) -> int:
        """Return 0."""
        return 0
