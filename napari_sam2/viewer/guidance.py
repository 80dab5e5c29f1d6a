"""The next step of the workflow, as one line of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_sam2.viewer.keys import Action


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """How far the user is in the workflow.

    Parameters
    ----------
    has_image, loading, session : bool
        Whether an image is open, a model is being loaded, and a session exists.
    prompts : int
        Prompted frames of the current object.
    frames_done, frames : int
        Planes with a mask of the current object, and all frames.
    clicking : bool
        Whether a click or a stroke on the canvas makes a prompt.
    running, refining : bool
        Whether a run is in progress, and whether it refines masks.
    searching : bool
        Whether a run searches for candidates.
    candidates : int
        Candidates that are neither accepted nor rejected.
    accepted : int
        Accepted objects.
    unsaved : bool
        Whether there are changes that are not saved.
    """

    has_image: bool = False
    loading: bool = False
    session: bool = False
    prompts: int = 0
    frames_done: int = 0
    frames: int = 0
    clicking: bool = True
    running: bool = False
    refining: bool = False
    searching: bool = False
    candidates: int = 0
    accepted: int = 0
    unsaved: bool = False


def next_step(now: WorkflowState, key: Callable[[Action], str]) -> str:
    """Return what the user can do next, with the key to press.

    Parameters
    ----------
    now : WorkflowState
        How far the user is.
    key : Callable
        Returns the key of an action.
    """
    if not now.has_image:
        return "Open an image, or choose File > Open Sample > SAM 2."
    if now.loading:
        return "Loading the model…"
    if not now.session:
        return "Choose the image to segment, then press Start."
    stop = key(Action.STOP)
    if now.refining:
        return f"Refining the object's masks. You can click other objects, or stop with {stop}."
    if now.searching:
        return f"Searching the frame for objects. You can click objects, or stop with {stop}."
    if now.running:
        return f"Propagating. You can click other objects, or stop with {stop}."
    if now.candidates and not now.clicking:
        return "Click a candidate to accept it, Alt+click to reject it, or accept all."
    if not now.clicking:
        return f"Choose the point tool ({key(Action.POINT)}) to click objects again."
    if now.prompts == 0:
        if now.accepted and now.unsaved:
            return f"Click the next object, or save the accepted ones with {key(Action.SAVE)}."
        return "Click the middle of an object."
    propagate = key(Action.PROPAGATE)
    if now.frames > 1 and now.frames_done <= 1:
        other = key(Action.CANDIDATE)
        return (
            f"If the mask fits, propagate with {propagate}. If not, click again or press {other}."
        )
    return f"Correct with a click and {propagate}, or accept with {key(Action.ACCEPT)}."
