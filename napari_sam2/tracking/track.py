"""One object followed in one direction: what the next frame needs to know of the last ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_sam2.core.geometry import Window
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackState
from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.plane_prompts import MaskCrop
from napari_sam2.tracking.termination import ObjectContrast, PresenceHistory, TerminationRule


@dataclass(frozen=True, slots=True)
class FrameMask:
    """A mask on a frame, kept so that it can be remembered again in another window.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    patch : MaskCrop
        The mask's logits on the plane.
    """

    frame: int
    patch: MaskCrop


@dataclass(frozen=True, slots=True)
class ConditioningResult:
    """What the model made of a prompted frame before the sweep reached it.

    Parameters
    ----------
    result : FrameResult
        To be given when the sweep is there.
    view : View
        The window it was seen in.
    """

    result: FrameResult
    view: View


@dataclass(frozen=True, slots=True)
class Track:
    """One object on its way in one direction.

    Parameters
    ----------
    object_id : int
        The label value.
    state : TrackState
        What the model remembers.
    view : View
        The window that the state's memories are laid out in.
    box : Window
        Bounds of the last mask that was not empty.
    motion : tuple of float
        Rows and columns per frame.
    presence : PresenceHistory
        Whether the object is still there.
    last : FrameMask
        The last mask that was not empty.
    anchor : FrameMask
        The mask on the conditioning frame passed last.
    drift : tuple of int
        Memory tokens by which the window moved since the anchor was remembered.
    answers : tuple of ConditioningResult
        For the object's prompted frames, by frame.
    """

    object_id: int
    state: TrackState
    view: View
    box: Window
    motion: tuple[float, float]
    presence: PresenceHistory
    last: FrameMask
    anchor: FrameMask
    drift: tuple[int, int] = (0, 0)
    answers: tuple[ConditioningResult, ...] = ()

    def answer(self, frame: int) -> ConditioningResult:
        """Return what was made of a prompted frame.

        Raises
        ------
        KeyError
            If the frame has no prompt.
        """
        for answer in self.answers:
            if answer.result.frame == frame:
                return answer
        raise KeyError(frame)

    def advance(
        self,
        frame: int,
        state: TrackState,
        patch: MaskCrop,
        score: float,
        rule: TerminationRule,
        contrast: ObjectContrast | None = None,
    ) -> Track:
        """Return the track with one more frame behind it; ``rule`` says what counts as gone."""
        presence = self.presence.advance(patch.area, score, rule, contrast)
        box = patch.box
        if box is None:
            damped = (self.motion[0] / 2, self.motion[1] / 2)
            return replace(self, state=state, presence=presence, motion=damped)
        elapsed = max(abs(frame - self.last.frame), 1)
        motion = _mix(self.motion, _velocity(self.box, box, elapsed))
        return replace(
            self,
            state=state,
            presence=presence,
            box=box,
            motion=motion,
            last=FrameMask(frame, patch),
        )


def _velocity(before: Window, now: Window, elapsed: int) -> tuple[float, float]:
    dy = (now.y0 + now.y1 - before.y0 - before.y1) / 2
    dx = (now.x0 + now.x1 - before.x0 - before.x1) / 2
    return dy / elapsed, dx / elapsed


def _mix(old: tuple[float, float], new: tuple[float, float]) -> tuple[float, float]:
    return (old[0] + new[0]) / 2, (old[1] + new[1]) / 2
