"""Sessions of a series in a folder: opened again, replayed, and undone after that."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.images.intensity import Intensity
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.saved_sessions import create_saved_sessions, open_session_folder
from napari_sam2.session.volume_series.factory import open_series
from napari_sam2.session.volume_series.series_session import SeriesSession
from napari_sam2.workflows.replay import ReplayJob, replay_session
from napari_sam2.workflows.reporter import NullReporter
from tests.helpers.fakes import FakePredictor
from tests.helpers.volume_series import moving_balls

SHAPE = (3, 5, 40, 48)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """The folder of a session with two runs, a lock and an accepted object, and its labels."""
    series = moving_balls(SHAPE, [(2.0, 12.0, 12.0)], [(0.3, 1.0, 2.0)])
    path = tmp_path / "series.tif"
    tifffile.imwrite(path, series.image, metadata={"axes": "TZYX"}, photometric="minisblack")
    stack = open_series(path)
    limits = Intensity(((0.0, 255.0),))
    group = create_saved_sessions(stack, FakePredictor(), intensity=limits)
    group.series, session = True, SeriesSession(group)
    group[(("t", 0),)].prompts.add(PointPrompt(1, 2, (12.0, 12.0)))
    group[(("t", 0),)].preview(1, 2)
    deque(session.propagate(), maxlen=0)
    group[(("t", 1),)].lock(1, [2])
    group[(("t", 2),)].clear(1, [1])
    group[(("t", 2),)].prompts.add(PointPrompt(1, 3, (14.0, 16.0)))
    deque(session.propagate(), maxlen=0)
    group.accept((("t", 0),), 1)
    group.check_input()
    labels = np.asarray(group.labels.array[...]).copy()
    assert all(labels[t].any() for t in range(SHAPE[0]))
    assert not labels[2, 1].any()
    assert group.folder is not None
    folder = group.folder.path
    group.close()
    assert folder is not None
    return folder, labels


def test_a_series_is_opened_again(saved: tuple[Path, np.ndarray]) -> None:
    folder, labels = saved
    opened = open_session_folder(folder, predictor=FakePredictor())
    group = opened.sessions
    group.redraw()
    np.testing.assert_array_equal(np.asarray(group.labels.array[...]), labels)
    assert sorted(dict(position)["t"] for position, _ in group) == [0, 1, 2]
    assert group.progress(1).accepted
    group.history.undo()
    group.history.undo()
    group.history.undo()
    assert not group.progress(1).accepted
    assert group[(("t", 2),)].result(1, 3) is not None
    group.close()


def test_a_replay_gives_the_same_labels(saved: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, labels = saved
    job = ReplayJob(folder, tmp_path / "again.tif", model=FakePredictor())
    outcome = replay_session(job, NullReporter())
    assert not outcome.different
    np.testing.assert_array_equal(tifffile.imread(job.output), labels)
