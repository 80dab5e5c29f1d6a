"""Corrections stay local, frames are locked and cleared, and Stop removes what waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

OpenWidget = Callable[..., Any]


def tracked_user(open_widget: OpenWidget, image: np.ndarray) -> Any:
    """Return a user who has propagated object 1 from frame 0."""
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.controller.propagate()
    user.settle()
    return user


def test_propagate_computes_the_correction_of_the_current_object(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    assert user.controller.frames_to_propagate() == 8
    user.sync.start_object()
    assert user.controller.frames_to_propagate() == 0
    user.click(0, 60, 30)
    user.settle()
    user.controller.propagate_all()
    user.settle()
    assert user.controller.frames_to_propagate() == 0
    user.controller.propagate()
    assert "object 2 is up to date" in user.notice.lower()
    before = user.drafts().copy()
    user.select(1)
    user.viewer.dims.set_point(0, 4)
    user.controller.frame_edits.lock_frame()
    user.settle()
    assert "Object 1 is locked on frame 4" in user.notice
    user.click(6, 26, 33)
    user.settle()
    assert user.controller.frames_to_propagate() == 3
    user.controller.propagate()
    user.settle()
    assert user.controller.frames_to_propagate() == 0
    after = user.drafts() + user.labels()
    assert (after[4] == 1).sum() == (before[4] == 1).sum()
    np.testing.assert_array_equal(after == 2, before == 2)


def test_nothing_to_propagate_is_said(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.controller.propagate()
    assert "no prompt here. Click the object first" in user.notice
    user.click(0, 20, 20)
    user.settle()
    user.key("N")
    user.settle()
    user.select(1)
    user.controller.propagate()
    assert "object 1 is accepted" in user.notice.lower()


def test_an_object_ends_on_the_shown_frame_in_one_step(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = tracked_user(open_widget, image)
    user.click(6, 26, 32)
    user.settle()
    before = user.drafts().copy()
    user.viewer.dims.set_point(0, 3)
    user.controller.frame_edits.end_here()
    user.settle()
    assert user.notice == "Object 1 ends on frame 3. Its prompts on frame 6 were removed."
    assert user.drafts()[3].any()
    assert not user.drafts()[4:].any()
    assert len(user.points.data) == 1
    user.controller.propagate_all()
    user.settle()
    assert not user.drafts()[4:].any()
    user.controller.undo()
    user.settle()
    user.controller.undo()
    user.settle()
    np.testing.assert_array_equal(user.drafts(), before)
    assert len(user.points.data) == 2


def test_begin_and_clear(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = tracked_user(open_widget, image)
    user.click(5, 25, 30)
    user.settle()
    edits = user.controller.frame_edits
    user.viewer.dims.set_point(0, 2)
    edits.begin_here()
    edits.clear_range(4, 4)
    user.settle()
    assert [frame for frame in range(8) if user.drafts()[frame].any()] == [2, 3, 5, 6, 7]
    edits.clear_extent()
    user.settle()
    user.controller.propagate()
    user.settle()
    assert user.drafts().any(axis=(1, 2)).all()


def test_locked_frames_are_neither_ended_nor_cleared(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = tracked_user(open_widget, image)
    edits = user.controller.frame_edits
    edits.lock_range(4, 9)
    user.settle()
    assert user.notice == (
        "Object 1 is locked on frames 4 to 7: nothing changes it there. "
        "There is no mask on frames 8 to 9."
    )
    user.viewer.dims.set_point(0, 1)
    edits.end_here()
    assert "locked on frames 4 to 7" in user.notice
    edits.unlock_range(4, 6)
    user.settle()
    assert user.sync.session.locked(1) == (7,)
    user.viewer.dims.set_point(0, 7)
    edits.lock_frame()
    user.settle()
    assert user.sync.session.locked(1) == ()


def test_stop_removes_the_runs_and_the_accepts_that_wait(
    open_widget: OpenWidget, image: np.ndarray, slow: Callable[[Any], None]
) -> None:
    user = open_widget(image)
    slow(user)
    user.click(0, 20, 20)
    user.sync.start_object()
    user.click(0, 60, 30)
    user.settle()
    for object_id in (1, 2):
        user.select(object_id)
        user.controller.propagate()
        user.key("N")
    assert user.controller.runs.titles == ("Propagate object 1", "Propagate object 2")
    user.until(lambda: user.drafts()[2].any())
    user.controller.runs.stop()
    assert user.controller.runs.titles[1:] == ()
    user.settle()
    assert user.controller.runs.titles == ()
    assert user.widget.state.pending_accepts == set()
    assert not user.labels().any()
    assert "1 waiting run removed" in user.notice
    assert "Object 1 is not accepted" in user.notice
    assert "Object 2 is not accepted" in user.notice
    assert not (user.drafts()[7] == 1).any()
    assert not (user.drafts()[1:] == 2).any()
    user.select(1)
    assert user.controller.frames_to_propagate() > 0


def test_a_run_that_fails_does_not_accept_its_object(
    open_widget: OpenWidget, image: np.ndarray, monkeypatch: Any
) -> None:
    monkeypatch.setattr("napari_sam2._qt.segment_track.show_error", lambda text: None)
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("broken")

    user.sync.sessions.predictor.track = fail
    user.controller.propagate()
    user.key("N")
    user.settle()
    assert not user.labels().any()
    assert user.widget.state.pending_accepts == set()
