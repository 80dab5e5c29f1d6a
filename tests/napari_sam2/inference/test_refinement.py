from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.protocol import MaskCandidates
from napari_sam2.inference.refinement import RefinementOutcome, summarize_outcomes
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt
from napari_sam2.session.settings import SessionSettings
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, iou, movie, session_of, straight

FULL = SessionSettings(view=ViewPolicy.parse("full"))
FRAMES = 6
PATH = straight((60, 60), (3, 4), FRAMES)
DATA = movie((200, 240), [PATH], radius=10)


class SecondLook(FakePredictor):
    """Answers a box with an earlier mask, which is how a second look asks, by ``spoil``."""

    def __init__(self, spoil=None):
        super().__init__()
        self.spoil = spoil

    def predict(self, encoding, prompt):
        found = super().predict(encoding, prompt)
        if self.spoil is None or prompt.box is None or prompt.previous is None:
            return found
        return self.spoil(found)


def empty(found):
    return MaskCandidates(np.full_like(found.logits, -9), found.predicted_iou, 5.0)


def absent(found):
    return MaskCandidates(found.logits, found.predicted_iou, -5.0)


def sliver(found):
    logits = found.logits.copy()
    rows = np.flatnonzero((logits[0] > 0).any(axis=1))
    logits[:, rows[len(rows) // 4] :] = -9
    return MaskCandidates(logits, found.predicted_iou, found.object_score)


def whole_session(predictor=None, prompts=None):
    """A session whose masks were all made on the whole plane."""
    session = session_of(
        DATA, prompts or [click(1, 0, PATH)], predictor=predictor or SecondLook(), settings=FULL
    )
    list(session.propagate())
    return session


def test_a_track_is_refined_frame_by_frame_in_tight_windows():
    session = whole_session()
    seen = []
    session.events.progress.connect(lambda *progress: seen.append(progress))
    refined = list(session.refine_track([1]))
    assert [r.result.frame for r in refined] == list(range(FRAMES))
    assert {r.outcome for r in refined} == {RefinementOutcome.REFINED}
    assert seen == [(n + 1, FRAMES) for n in range(FRAMES)]
    assert session.run.complete
    for frame in range(FRAMES):
        stored = session.result(1, frame)
        assert stored.view is not None
        assert stored.refined
        assert iou(session.labels.read((frame,)) == 1, DATA[frame] > 100) > 0.85
    assert session.result(1, 3).origin is MaskOrigin.FORWARD


@pytest.mark.parametrize("chosen", ["auto", "zoom:96"])
def test_masks_that_were_seen_as_closely_before_are_left_alone(chosen):
    settings = SessionSettings(view=ViewPolicy.parse(chosen))
    data = movie((800, 900), [PATH], radius=12)
    session = session_of(data, [BoxPrompt(1, 0, (47.5, 47.5), (72.5, 72.5))], settings=settings)
    list(session.propagate())
    before = [session.labels.read((f,)).copy() for f in range(FRAMES)]
    calls = session.predictor.calls["click"]
    assert {r.outcome for r in session.refine_track()} == {RefinementOutcome.ALREADY_CLOSE}
    assert session.predictor.calls["click"] == calls
    with pytest.raises(UserError, match="predicted in a view as close on frame 2"):
        session.refine(1, 2)
    for frame in range(FRAMES):
        np.testing.assert_array_equal(session.labels.read((frame,)), before[frame])


def test_masks_seen_in_a_wide_window_are_looked_at_again():
    settings = SessionSettings(view=ViewPolicy.parse("zoom:512"))
    data = movie((800, 900), [PATH], radius=10)
    session = session_of(data, [click(1, 0, PATH)], settings=settings)
    list(session.propagate())
    wide = max(session.result(1, 3).view.shape)
    assert {r.outcome for r in session.refine_track()} == {RefinementOutcome.REFINED}
    assert max(session.result(1, 3).view.shape) < wide


def test_the_words_tell_what_came_of_the_looks():
    every = {
        RefinementOutcome.REFINED: 1,
        RefinementOutcome.REJECTED: 2,
        RefinementOutcome.ALREADY_CLOSE: 3,
        RefinementOutcome.SKIPPED: 4,
    }
    assert summarize_outcomes(every) == (
        "1 mask refined, 2 kept: the closer view gave a different mask, "
        "3 unchanged: the earlier view was as close."
    )
    assert summarize_outcomes({}) == "0 masks refined."


def test_a_range_of_frames_and_some_objects_are_refined_only():
    other = straight((150, 150), (0, 2), FRAMES)
    data = movie((200, 240), [PATH, other], radius=10)
    session = session_of(data, [click(1, 0, PATH), click(2, 0, other)], settings=FULL)
    list(session.propagate())
    refined = list(session.refine_track([2], range(2, 4)))
    assert [(r.result.object_id, r.result.frame) for r in refined] == [(2, 2), (2, 3)]
    touched = {(o, f) for o in (1, 2) for f in range(FRAMES) if session.result(o, f).refined}
    assert touched == {(2, 2), (2, 3)}


@pytest.mark.parametrize("spoil", [empty, absent, sliver])
def test_a_much_worse_second_look_never_replaces_a_mask_and_is_said(spoil):
    session = whole_session(SecondLook(spoil))
    before = [session.labels.read((f,)).copy() for f in range(FRAMES)]
    refined = list(session.refine_track())
    assert {r.outcome for r in refined} == {RefinementOutcome.REJECTED}
    for frame in range(FRAMES):
        np.testing.assert_array_equal(session.labels.read((frame,)), before[frame])
    with pytest.raises(UserError, match="does not agree"):
        session.refine(1, 2)
    np.testing.assert_array_equal(session.labels.read((2,)), before[2])


def test_masks_that_the_user_drew_or_accepted_are_left_alone():
    drawn = MaskPrompt.of(1, 0, DATA[0] > 100)
    session = whole_session(prompts=[drawn])
    session.accept(1, [4])
    session.lock(1, [5])
    free = [session.refinable(1, frame) for frame in range(FRAMES)]
    assert free == [False, True, True, True, False, False]
    outcomes = [r.outcome for r in session.refine_track()]
    assert outcomes == [
        RefinementOutcome.SKIPPED,
        *[RefinementOutcome.REFINED] * 3,
        RefinementOutcome.SKIPPED,
        RefinementOutcome.SKIPPED,
    ]


def test_what_was_refined_is_not_looked_at_again():
    session = whole_session()
    list(session.refine_track(frames=[1]))
    calls = session.predictor.calls["click"]
    outcomes = [r.outcome for r in session.refine_track(frames=[1, 2])]
    assert outcomes == [RefinementOutcome.SKIPPED, RefinementOutcome.REFINED]
    assert session.predictor.calls["click"] == calls + 1
    assert [session.refinable(1, frame) for frame in range(4)] == [True, False, False, True]


def test_a_second_pass_can_be_cancelled_and_gone_on_with():
    session = whole_session()
    for refined in session.refine_track():
        if refined.result.frame == 2:
            session.cancel()
    assert session.run.cancelled
    assert session.run.done == 3
    assert sum(session.result(1, f).refined for f in range(FRAMES)) == 3
    again = [r.outcome for r in session.refine_track()]
    assert again == [RefinementOutcome.SKIPPED] * 3 + [RefinementOutcome.REFINED] * 3


def test_empty_frames_of_a_track_stay_empty():
    path = PATH.copy()
    path[2:4] = np.nan
    data = movie((200, 240), [path], radius=10)
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    list(session.propagate())
    outcomes = [r.outcome for r in session.refine_track()]
    assert outcomes[2:4] == [RefinementOutcome.SKIPPED] * 2
    assert not session.refinable(1, 2)
    assert not session.labels.read((2,)).any()
