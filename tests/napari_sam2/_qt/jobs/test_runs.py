"""The speed and the rest of a run, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from napari_sam2._qt.jobs.queue import JobQueue
from napari_sam2._qt.jobs.runs import ProgressRate, RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.analysis.run_summary import RunSummary
from napari_sam2.masks.mask import FrameResult
from napari_sam2.session.session import SegmentationSession
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser


def test_the_rate_is_that_of_the_latest_reports() -> None:
    rate = ProgressRate(span=3)
    assert rate.text(0, 40) == "0 of 40"
    for now, done in ((0.0, 0), (100.0, 1), (101.0, 3), (102.0, 5)):
        rate.report(now, done)
    assert rate.frames_per_second == 2
    assert rate.text(10, 40) == "10 of 40 · 2.0 frames/s · 15 s left"
    assert rate.text(10, 400) == "10 of 400 · 2.0 frames/s · 3 min left"


def test_there_is_no_rate_without_progress() -> None:
    rate = ProgressRate()
    rate.report(0.0, 4)
    rate.report(1.0, 4)
    assert rate.frames_per_second is None


@pytest.fixture
def user(qtbot: Any) -> Iterator[tuple[ModelUser, ControllerState, JobQueue]]:
    """A user without a window who has clicked object 1, the state and a queue of runs."""
    path = straight((20, 20), (1, 2), 8)
    path[6:] = np.nan
    model = ModelUser.open(movie((80, 96), [path]), axis_labels=("t", "y", "x"))
    model.click(0, 20, 20)
    state, queue = ControllerState(model.viewer), JobQueue("napari-sam2 test")
    state.sync = model.sync
    yield model, state, queue
    queue.close()


def _run(user: Any, qtbot: Any, steps: Any) -> tuple[str, RunSummary]:
    """Return the notice and the summary at the end of a run."""
    model, state, queue = user
    notices: list[str] = []
    state.notice.connect(notices.append)
    with qtbot.waitSignal(state.run_summarized, timeout=60000) as ended:
        RunJobs(state, queue).start(model.sync, steps)
    return notices[-1], ended.args[0]


def test_a_propagation_ends_with_its_summary(user: Any, qtbot: Any) -> None:
    notice, summary = _run(user, qtbot, lambda session: session.propagate())
    assert notice.startswith("Object 1: found on 6 of 8 frames, lost after 5, lowest confidence")
    assert summary.worst is not None
    assert notice.endswith(f"on frame {summary.worst.worst}.")


def test_a_stopped_run_is_summarized_up_to_where_it_came(user: Any, qtbot: Any) -> None:
    def steps(session: SegmentationSession) -> Iterator[FrameResult]:
        for result in session.propagate():
            if result.frame == 2:
                session.cancel()
            yield result

    notice, _ = _run(user, qtbot, steps)
    assert notice.startswith(
        "Stopped; finished frames are kept. Object 1: found on 3 of 3 frames, lowest confidence"
    )
