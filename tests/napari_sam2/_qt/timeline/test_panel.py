"""The timeline and the review of frames in a viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_sam2._qt.jobs.queue import JobQueue
from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.timeline import source
from napari_sam2._qt.timeline.panel import TimelinePanel
from napari_sam2.analysis.run_summary import RunSummary
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser

PATHS = [straight((20, 20), (1, 2), 8)]


class Reviewer:
    """A user of the panel in a viewer without a window."""

    def __init__(self, image: np.ndarray, **options: Any) -> None:
        self.model = ModelUser.open(image, **options)
        self.viewer, self.sync = self.model.viewer, self.model.sync
        self.state = ControllerState(self.viewer)
        self.state.sync = self.sync
        self.notices: list[str] = []
        self.state.notice.connect(self.notices.append)
        self.queue = JobQueue("napari-sam2 test")
        self.panel = TimelinePanel(self.state, RunJobs(self.state, self.queue))
        self.panel.attach()
        self.panel.refresh()

    @property
    def track(self) -> Any:
        return self.panel.timeline.model.track

    def propagate(self) -> None:
        list(self.sync.session.propagate())
        self.panel.refresh()

    def next_frame(self, object_id: int | None = None) -> int:
        self.panel.review.next_frame(object_id)
        return int(self.sync.dims.frame)

    def store(self, frame: int, score: float) -> None:
        """Store the mask of another frame with a predicted IoU of ``score``."""
        session = self.sync.session
        before = session.result(1, frame)
        other = session.result(1, (frame + 1) % 8)
        session.restore(replace(before, crop=other.crop, predicted_iou=score))
        self.panel.refresh()


@pytest.fixture
def open_reviewer(qtbot: Any) -> Iterator[Callable[..., Reviewer]]:
    """Return a function that opens the panel on an image."""
    opened: list[Reviewer] = []

    def start(image: np.ndarray, **options: Any) -> Reviewer:
        opened.append(Reviewer(image, **options))
        qtbot.addWidget(opened[-1].panel)
        return opened[-1]

    yield start
    for user in opened:
        user.panel.detach()
        user.queue.close()


@pytest.fixture
def user(open_reviewer: Callable[..., Reviewer]) -> Reviewer:
    """A user who has clicked object 1 on frame 0 and propagated it."""
    reviewer = open_reviewer(movie((80, 96), PATHS))
    reviewer.viewer.dims.set_point(0, 0)
    reviewer.model.click(0, 20, 20)
    reviewer.propagate()
    return reviewer


def test_the_timeline_shows_the_current_object_and_follows_the_viewer(user: Reviewer) -> None:
    model = user.panel.timeline.model
    assert model.n_frames == 8
    assert model.track is not None
    assert model.track.object_id == 1
    assert list(np.flatnonzero(model.track.prompted)) == [0]
    assert model.track.found.all()
    user.viewer.dims.set_point(0, 5)
    assert user.panel.timeline.model.shown == 5
    user.panel.timeline.frame_chosen.emit(2)
    assert user.sync.dims.frame == 2


def test_other_objects_are_shown_with_the_confidence_that_they_have_now(user: Reviewer) -> None:
    user.sync.start_object()
    user.panel.refresh()
    (other,) = user.panel.timeline.model.others
    assert not np.isnan(other).any()
    user.panel.refresh()
    assert user.panel.timeline.model.others[0] is other
    user.store(3, 0.1)
    assert user.panel.timeline.model.others[0][3] < other[3]


def test_many_objects_are_read_little_by_little(
    user: Reviewer, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "ROWS_AT_ONCE", 1)
    for object_id in (2, 3, 4):
        user.sync.start_object()
        user.model.click(0, 20, 20)
        list(user.sync.session.propagate(PropagationRequest((object_id,))))
    user.panel.refresh()
    timeline = user.panel.timeline
    assert len(timeline.model.others) == 1
    qtbot.waitUntil(lambda: len(timeline.model.others) == 3, timeout=20000)


def test_the_review_of_an_object_is_kept_until_something_changes(user: Reviewer) -> None:
    before = user.track
    user.panel.refresh()
    assert user.track is before
    user.panel.review.look()
    assert user.track is not before


def test_the_worst_frames_are_shown_one_after_the_other_until_all_are_reviewed(
    user: Reviewer,
) -> None:
    user.store(6, 0.2)
    user.store(2, 0.3)
    assert [user.next_frame(), user.next_frame()] == [6, 2]
    assert user.notices[-1].startswith("Object 1. Frame 2: has a mask, confidence")
    for _ in range(8):
        user.next_frame()
    assert user.notices[-1] == "All frames of object 1 are reviewed."
    user.store(4, 0.4)
    assert user.next_frame() == 4
    assert user.notices[-1].endswith("This is the last frame to review.")


def test_a_frame_counts_as_reviewed_once_it_has_been_shown_for_a_while(
    user: Reviewer, qtbot: Any
) -> None:
    user.viewer.dims.set_point(0, 4)
    user.viewer.dims.set_point(0, 5)
    assert not user.track.reviewed.any()
    qtbot.waitUntil(lambda: bool(user.track.reviewed.any()), timeout=20000)
    assert list(np.flatnonzero(user.track.reviewed)) == [5]


def test_a_new_mask_on_the_shown_frame_is_reviewed_after_a_while(
    user: Reviewer, qtbot: Any
) -> None:
    user.panel.review.look()
    assert user.track.reviewed[0]
    user.store(0, 0.5)
    assert not user.track.reviewed[0]
    qtbot.waitUntil(lambda: bool(user.track.reviewed[0]), timeout=20000)


def test_an_object_without_masks_has_nothing_to_review(user: Reviewer) -> None:
    user.sync.start_object()
    user.next_frame()
    assert user.notices[-1].startswith("Object 2 has no mask yet.")
    user.next_frame(1)
    assert user.state.current == 1
    assert user.notices[-1].startswith("Object 1. Frame")


def test_the_reviewed_frames_of_an_image_are_kept_while_another_is_shown(user: Reviewer) -> None:
    user.panel.review.look()
    user.state.sync = None
    user.panel.refresh()
    assert user.panel.isHidden()
    user.state.sync = user.sync
    user.panel.refresh()
    assert user.track.reviewed[0]


def test_the_panel_is_hidden_without_frames_to_choose_from(
    open_reviewer: Callable[..., Reviewer],
) -> None:
    assert open_reviewer(movie((80, 96), PATHS)[0]).panel.isHidden()


def test_positions_of_a_volume_over_time_have_their_own_timelines(
    open_reviewer: Callable[..., Reviewer],
) -> None:
    image = movie((80, 96), PATHS)
    user = open_reviewer(np.stack([image, image], axis=1), axis_labels=("t", "z", "y", "x"))
    user.model.click(0, 0, 20, 20)
    user.panel.refresh()
    assert user.track.visited.any()
    user.viewer.dims.set_point(1, 1)
    assert not user.track.visited.any()


def _choose(user: Reviewer, qtbot: Any, text: str) -> None:
    """Choose an action of the menu, and wait for the run that it starts."""
    menu = user.panel.menu()
    (action,) = [action for action in menu.actions() if action.text() == text]
    with qtbot.waitSignal(user.state.run_ended, timeout=60000):
        action.trigger()
    user.panel.refresh()


def test_tracking_back_lowers_the_confidence_of_masks_that_it_does_not_find(
    user: Reviewer, qtbot: Any
) -> None:
    before = user.track.confidence
    _choose(user, qtbot, "Check by tracking back")
    np.testing.assert_allclose(user.track.confidence[[0, 7]], before[[0, 7]])
    assert np.all(user.track.confidence[1:7] <= before[1:7])
    user.store(3, 0.9)
    changed = user.track.confidence[3]
    _choose(user, qtbot, "Check by tracking back")
    assert user.track.confidence[3] < 0.9 * changed
    assert "was tracked back over 6 frames" in user.notices[-1]
    assert user.notices[-1].endswith("on frame 3.")


def test_tracking_back_can_be_stopped(
    user: Reviewer, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, runs = user.sync.sessions.predictor, RunJobs(user.state, user.queue)
    usual = predictor.track

    def stopped(*args: Any, **kwargs: Any) -> Any:
        runs.stop()
        return usual(*args, **kwargs)

    monkeypatch.setattr(predictor, "track", stopped)
    _choose(user, qtbot, "Check by tracking back")
    assert user.notices[-1].startswith("Stopped")
    assert "over 1 frame." in user.notices[-1]


def test_an_object_without_a_prompt_cannot_be_tracked_back(user: Reviewer, qtbot: Any) -> None:
    user.sync.start_object()
    with qtbot.waitSignal(user.queue.failed, timeout=60000) as failed:
        user.panel.review.track_back()
    assert "has no mask from a prompt" in str(failed.args[0].error)


def test_the_button_of_a_summary_goes_to_the_worst_frame(user: Reviewer) -> None:
    user.store(6, 0.2)
    summary = RunSummary.of(user.sync.session, {1: range(8)})
    user.sync.start_object()
    button = user.panel.review.jump_button(summary)
    assert button is not None
    assert button.text == "Go to frame 6"
    button.call()
    assert (user.state.current, user.sync.dims.frame) == (1, 6)
    assert user.panel.review.jump_button(RunSummary.of(user.sync.session, {})) is None
