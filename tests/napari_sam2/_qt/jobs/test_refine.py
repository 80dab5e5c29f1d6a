"""Refinement from the widget: one frame, a whole track, and masks that are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_sam2.inference.protocol import MaskCandidates
from napari_sam2.prompts.types import MaskPrompt
from tests.helpers.fakes import FakePredictor

OpenWidget = Callable[..., Any]
Look = Callable[[MaskCandidates], MaskCandidates]


def wider(found: MaskCandidates) -> MaskCandidates:
    """A mask that is slightly larger than the first one."""
    logits = ndimage.grey_dilation(found.logits, size=(1, 3, 3))
    return MaskCandidates(logits, found.predicted_iou, found.object_score)


def nothing(found: MaskCandidates) -> MaskCandidates:
    return MaskCandidates(np.full_like(found.logits, -9), found.predicted_iou, -5.0)


class RefiningPredictor(FakePredictor):
    """Answers a refinement, which is a box with an earlier mask, by a function of the test."""

    def __init__(self, look: Look = wider) -> None:
        super().__init__()
        self.look = look
        self.looks: list[int] = []
        self.before: Callable[[], object] = lambda: None

    def wait_after(self, number: int) -> threading.Event:
        """Let refinements after the first ones wait for the event that is returned."""
        go_on = threading.Event()
        self.before = lambda: len(self.looks) < number or go_on.wait(60)
        return go_on

    def predict(self, encoding: Any, prompt: Any) -> MaskCandidates:
        found = super().predict(encoding, prompt)
        if prompt.box is None or prompt.previous is None:
            return found
        self.before()
        self.looks.append(threading.get_ident())
        return self.look(found)


@pytest.fixture
def predictor() -> RefiningPredictor:
    return RefiningPredictor()


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notifications would raise in tests."""
    monkeypatch.setattr("napari_sam2._qt.segment_track.show_error", lambda text: None)


@pytest.fixture(autouse=True)
def _closer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept any refinement, as objects of small images are in a close view at once."""
    monkeypatch.setattr("napari_sam2.inference.preview.is_closer", lambda side, view: True)


@pytest.fixture
def followed(open_widget: OpenWidget, image: np.ndarray) -> Any:
    """One object with a mask on every frame; the first is shown."""
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.settle()
    return user


def _areas(user: Any) -> list[int]:
    return [int(np.count_nonzero(plane)) for plane in user.drafts()]


def _offers(user: Any) -> tuple[bool, bool]:
    panel = user.widget.refinement
    return panel.frame.isEnabled(), panel.track.isEnabled()


def _notice(user: Any) -> str:
    return str(user.widget.status.notice.text())


def _error(user: Any) -> str:
    return str(user.widget.status.error.text())


@pytest.mark.smoke
def test_one_frame_by_mouse_and_the_layer_shows_it(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    drawn: list[Any] = []
    user.viewer.dims.set_point(0, 3)
    user.settle()
    user.sync.layers.drafts.events.set_data.connect(drawn.append)
    before = _areas(user)
    go_on = threading.Event()
    predictor.before = lambda: go_on.wait(60)
    user.widget.refinement.frame.click()
    user.until(lambda: _offers(user) == (False, False))
    go_on.set()
    user.settle()
    grown = [new > old for new, old in zip(_areas(user), before, strict=True)]
    assert grown == [t == 3 for t in range(8)]
    assert drawn
    assert _notice(user) == "1 mask refined."
    assert predictor.looks != []
    assert threading.get_ident() not in predictor.looks


def test_one_frame_by_key_and_its_undo(followed: Any) -> None:
    user = followed
    user.viewer.dims.set_point(0, 3)
    before = user.drafts().copy()
    user.key("Shift-Q")
    user.settle()
    sharp = user.drafts().copy()
    assert not np.array_equal(sharp, before)
    user.key("U")
    user.settle()
    np.testing.assert_array_equal(user.drafts(), before)
    assert len(user.sync.session.prompts) == 1
    user.key("Shift-U")
    user.settle()
    np.testing.assert_array_equal(user.drafts(), sharp)
    for _ in ("refinement", "propagation", "click"):
        user.key("U")
    user.settle()
    assert len(user.sync.session.prompts) == 0
    assert not user.drafts().any()


def test_a_whole_track_and_its_summary(followed: Any, predictor: RefiningPredictor) -> None:
    user = followed
    before = _areas(user)
    shown: list[tuple[int, int]] = []
    bar = user.widget.foot.bar
    bar.valueChanged.connect(lambda value: shown.append((value, bar.maximum())))
    go_on = predictor.wait_after(4)
    user.widget.refinement.track.click()
    user.until(lambda: any(0 < value < total == 8 for value, total in shown))
    assert bar.isEnabled()
    assert user.widget.foot.stop.isEnabled()
    assert "Refining" in user.widget.status.next.text()
    go_on.set()
    user.settle()
    assert all(new > old for new, old in zip(_areas(user), before, strict=True))
    assert _notice(user) == "8 masks refined."
    assert not bar.isEnabled()
    assert threading.get_ident() not in predictor.looks


def test_masks_from_an_equally_close_view_are_kept_and_reported(
    followed: Any, predictor: RefiningPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = followed
    before = user.drafts().copy()
    monkeypatch.setattr("napari_sam2.inference.preview.is_closer", lambda side, view: False)
    user.widget.refinement.track.click()
    user.settle()
    assert _notice(user) == "0 masks refined, 8 unchanged: the earlier view was as close."
    user.widget.refinement.frame.click()
    user.settle()
    assert "predicted in a view as close on frame 0" in _notice(user)
    assert predictor.looks == []
    np.testing.assert_array_equal(user.drafts(), before)


def test_only_the_current_object_is_refined(followed: Any) -> None:
    user = followed
    user.sync.start_object()
    user.click(0, 60, 30)
    user.settle()
    user.key("G")
    user.settle()
    user.select(1)
    before = user.drafts() == 2
    user.widget.refresh()
    user.widget.refinement.track.click()
    user.settle()
    assert _notice(user) == "8 masks refined."
    np.testing.assert_array_equal(user.drafts() == 2, before)


def test_stop_keeps_refined_masks_and_the_rest_can_be_refined_later(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    before = np.array(_areas(user))
    go_on = threading.Event()
    predictor.before = lambda: len(predictor.looks) < 2 or go_on.wait(60)
    user.widget.refinement.track.click()
    user.until(lambda: len(predictor.looks) == 2)
    user.key("H")
    go_on.set()
    user.settle()
    sharp = np.array(_areas(user)) > before
    assert sharp.any()
    assert not sharp.all()
    assert _notice(user) == f"Stopped; finished frames are kept. {sharp.sum()} masks refined."
    user.widget.refinement.track.click()
    user.settle()
    assert (np.array(_areas(user)) > before).all()
    assert _notice(user) == f"{8 - sharp.sum()} masks refined."


def test_it_is_offered_only_where_it_can_do_something(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    user.sync.session.clear(1, [5])
    user.viewer.dims.set_point(0, 5)
    assert _offers(user) == (False, True)
    user.viewer.dims.set_point(0, 6)
    assert _offers(user) == (True, True)
    user.sync.start_object()
    user.widget.refresh()
    assert _offers(user) == (False, False)
    user.select(1)
    go_on = threading.Event()
    predictor.before = lambda: go_on.wait(60)
    user.widget.refresh()
    user.widget.refinement.track.click()
    user.until(lambda: _offers(user) == (False, False))
    user.key("Shift-Q")
    assert "when the run has ended" in _notice(user)
    go_on.set()
    user.settle()
    assert _offers(user) == (False, True)


def test_nothing_is_offered_without_an_image(open_widget: OpenWidget) -> None:
    user = open_widget()
    user.key("Shift-Q")
    user.widget.controller.refinement.refine_track()
    user.settle()
    assert _offers(user) == (False, False)
    assert _error(user) == ""


def test_a_frame_without_a_mask_is_notice(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.viewer.dims.set_point(0, 4)
    user.key("Shift-Q")
    user.until(lambda: "no mask on frame 4" in _notice(user))
    assert not user.drafts()[4].any()


def test_a_mask_is_kept_where_its_refinement_disagrees(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    predictor.look = nothing
    before = user.drafts().copy()
    user.widget.refinement.frame.click()
    user.until(lambda: "does not agree" in _notice(user))
    assert _error(user) == ""
    user.settle()
    user.widget.refinement.track.click()
    user.settle()
    assert _notice(user).startswith("0 masks refined, 8 kept")
    assert _error(user) == ""
    np.testing.assert_array_equal(user.drafts(), before)


def test_drawn_accepted_and_refined_masks_are_kept(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    outline = [[0, 10, 10], [0, 10, 30], [0, 30, 30], [0, 30, 10]]
    user.sync.layers.shapes.layer.add([outline], shape_type="polygon")
    user.settle()
    assert isinstance(user.sync.session.prompts.get(1, 0)[0], MaskPrompt)
    user.sync.session.accept(1, [1])
    user.settle()
    before = user.drafts().copy(), user.labels().copy()
    for frame in (0, 1):
        user.viewer.dims.set_point(0, frame)
        assert _offers(user) == (False, True)
        user.key("Shift-Q")
        user.settle()
        assert _notice(user).startswith("No mask was refined")
    np.testing.assert_array_equal(user.drafts(), before[0])
    user.widget.refinement.track.click()
    user.settle()
    assert _notice(user) == "6 masks refined."
    user.widget.refinement.track.click()
    user.settle()
    assert _notice(user).startswith("No mask was refined")
    np.testing.assert_array_equal(user.drafts()[:2], before[0][:2])
    np.testing.assert_array_equal(user.labels(), before[1])
    assert _error(user) == ""


def test_accepting_at_once_accepts_the_refined_mask(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    before = _areas(user)
    predictor.before = lambda: threading.Event().wait(0.3)
    user.key("Shift-Q")
    user.key("N")
    user.settle()
    assert not user.drafts().any()
    assert np.count_nonzero(user.labels()[0]) > before[0]


def test_after_full_memory_another_model_repeats_the_refinement(
    followed: Any, predictor: RefiningPredictor
) -> None:
    user = followed
    before = _areas(user)

    def fail() -> None:
        raise MemoryError

    predictor.before = fail
    user.widget.refinement.frame.click()
    user.until(lambda: "smaller model" in _error(user))
    user.settle()
    assert _areas(user) == before
    user.widget.controller.set_predictor(RefiningPredictor())
    user.settle()
    assert _areas(user)[0] > before[0]
