"""Refine track along t and z: all volumes, one step, Stop, and masks that stay."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from tests.helpers.volume_series import SHAPE
from tests.napari_sam2._qt.jobs.test_refine import RefiningPredictor


@pytest.fixture
def predictor() -> RefiningPredictor:
    return RefiningPredictor()


@pytest.fixture(autouse=True)
def _closer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept any refinement, as objects of small images are in a close view at once."""
    monkeypatch.setattr("napari_sam2.inference.preview.is_closer", lambda side, view: True)


@pytest.fixture
def followed(user: Any) -> Any:
    """A user with one object at all time points."""
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.settle()
    return user


def areas(user: Any) -> np.ndarray:
    """The area of object 1 on each plane (t, z)."""
    return np.count_nonzero(user.drafts() == 1, axis=(2, 3))


def test_masks_of_all_volumes_are_refined_as_one_step(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    before, drafts = areas(user), user.drafts().copy()
    shown: list[tuple[int, int]] = []
    bar = user.widget.foot.bar
    bar.valueChanged.connect(lambda value: shown.append((value, bar.maximum())))
    go_on = predictor.wait_after(2 * SHAPE[1] + 2)
    assert user.widget.refinement.track.isEnabled()
    user.widget.refinement.track.click()
    user.until(lambda: any(SHAPE[1] < value < total for value, total in shown))
    assert "Refining" in user.widget.status.next.text()
    go_on.set()
    user.settle()
    sharp = areas(user) > before
    assert sharp.any(axis=1).all()
    assert user.notice.startswith(f"{sharp.sum()} masks refined")
    assert bar.text() == ""
    user.key("U")
    user.settle()
    np.testing.assert_array_equal(user.drafts(), drafts)
    user.key("Shift-U")
    user.settle()
    np.testing.assert_array_equal(areas(user) > before, sharp)


def test_stop_keeps_refined_masks_and_the_rest_can_be_refined_later(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    before, go_on = areas(user), threading.Event()
    predictor.before = lambda: len(predictor.looks) < SHAPE[1] or go_on.wait(60)
    user.widget.refinement.track.click()
    user.until(lambda: len(predictor.looks) == SHAPE[1])
    user.key("H")
    go_on.set()
    user.settle()
    sharp = areas(user) > before
    assert sharp[0].any()
    assert not sharp[-1].any()
    stopped = f"Stopped; finished frames are kept. {sharp.sum()} masks refined"
    assert user.notice.startswith(stopped)
    user.widget.refinement.track.click()
    user.settle()
    assert (areas(user) > before).any(axis=1).all()


def test_locked_masks_and_other_objects_are_kept(followed: Any) -> None:
    user = followed
    user.viewer.dims.set_point(0, 3)
    user.controller.frame_edits.lock_frame()
    user.controller.new_object()
    user.click(0, 2, 28, 36)
    user.settle()
    user.key("G")
    user.settle()
    user.select(1)
    other, before = user.drafts() == 2, areas(user)
    user.widget.refresh()
    user.widget.refinement.track.click()
    user.settle()
    np.testing.assert_array_equal(user.drafts() == 2, other)
    (locked,) = user.sync.series.volumes()[3].locked(1)
    assert before[3, locked] == 0
    assert np.count_nonzero(user.labels()[3, locked]) > 0
    assert (areas(user) > before).any(axis=1).all()
