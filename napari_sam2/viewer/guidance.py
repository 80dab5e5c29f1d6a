"""What to do next, in one line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """Where the user stands.

    Parameters
    ----------
    has_image, loading, session : bool
        An image is open; a model is being loaded; a session runs on the image.
    prompts : int
        Prompts of the object in work.
    frames_done, frames : int
        Planes with a mask of the object in work, and all planes.
    running, sharpening : bool
        A run along a track goes on; it is of second looks.
    accepted : int
        Objects that are accepted.
    unsaved : bool
        Something accepted is not in a file.
    """

    has_image: bool = False
    loading: bool = False
    session: bool = False
    prompts: int = 0
    frames_done: int = 0
    frames: int = 0
    running: bool = False
    sharpening: bool = False
    accepted: int = 0
    unsaved: bool = False


def next_step(now: WorkflowState) -> str:
    """Return what the user may do next, with the key in brackets."""
    if not now.has_image:
        return "Open an image, or File > Open Sample > SAM 2."
    if now.loading:
        return "Loading the model…"
    if not now.session:
        return "Choose the image to segment."
    if now.sharpening:
        return "Sharpening the object's masks. Keep clicking other objects, or stop with H."
    if now.running:
        return "Following the object. Keep clicking other objects, or stop with H."
    if now.prompts == 0:
        if now.accepted and now.unsaved:
            return "Click the next object, or save the accepted ones with W."
        return "Click the middle of an object."
    if now.frames > 1 and now.frames_done <= 1:
        return "Does the mask fit? Follow it with G. If not: click again, or Q for another mask."
    return "Correct with a click and G, or accept with N and go on."
