"""The next step fits how far the user is."""

from __future__ import annotations

import pytest

from napari_sam2.viewer.guidance import WorkflowState, next_step
from napari_sam2.viewer.keys import Action, KeyBindings

SESSION = {"has_image": True, "session": True, "frames": 8}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({}, "Open an image"),
        ({"has_image": True, "loading": True}, "Loading"),
        ({"has_image": True}, "Choose the image"),
        (SESSION, "Click the middle"),
        ({**SESSION, "clicking": False}, "Choose the point tool (Shift+K)"),
        ({**SESSION, "prompts": 1, "frames_done": 1}, "propagate with G"),
        ({**SESSION, "prompts": 1, "running": True}, "stop with H"),
        ({**SESSION, "prompts": 1, "running": True, "refining": True}, "Refining"),
        ({**SESSION, "prompts": 1, "frames_done": 8}, "accept with N"),
        ({**SESSION, "accepted": 1, "unsaved": True}, "save the accepted ones with W"),
        ({**SESSION, "frames": 1, "prompts": 1, "frames_done": 1}, "accept with N"),
    ],
)
def test_next_step(state: dict[str, object], text: str) -> None:
    assert text in next_step(WorkflowState(**state), KeyBindings(None).key)  # type: ignore[arg-type]


def test_keys_are_those_of_the_user() -> None:
    key = KeyBindings(None, {Action.STOP: "Shift-F", Action.ACCEPT: "B"}).key
    done = WorkflowState(has_image=True, session=True, prompts=1, frames=8, frames_done=8)
    assert next_step(done, key).endswith("accept with B.")
    running = WorkflowState(has_image=True, session=True, running=True)
    assert next_step(running, key).endswith("stop with Shift+F.")
