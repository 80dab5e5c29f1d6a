from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.analysis.review import Presence, TrackReview, reach_along, worst_unreviewed
from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.masks.scores import confidences
from napari_sam2.session.tracks.reviewed_frames import ReviewedFrames
from tests.helpers.score_rows import score_row, track_rows

HERE = (("z", 3),)
areas = st.lists(st.integers(0, 3).map(lambda n: 100 * n), max_size=20)


def test_states_of_a_track_with_a_gap_and_frames_that_were_not_computed():
    rows = track_rows([0, 0, 100, 0, 100, 0])
    track = TrackReview.of(1, rows, 8, prompted=[2], reviewed=[4])
    assert [track.state(frame).presence for frame in range(8)] == [
        Presence.ABSENT,
        Presence.ABSENT,
        Presence.FOUND,
        Presence.LOST,
        Presence.FOUND,
        Presence.ABSENT,
        Presence.UNVISITED,
        Presence.UNVISITED,
    ]
    assert [frame for frame in range(8) if track.state(frame).prompted] == [2]
    assert [frame for frame in range(8) if track.state(frame).reviewed] == [4]
    assert track.state(7).confidence is None
    assert track.state(7).text == "Frame 7: not computed"
    assert track.state(4).text.endswith("reviewed")


def test_a_frame_that_the_user_emptied_is_not_lost():
    rows = track_rows([100, 0, 100])
    rows[1] = replace(rows[1], origin=MaskOrigin.PROMPT)
    assert TrackReview.of(1, rows, 3).state(1).presence is Presence.ABSENT


def test_locks_and_accepted_masks():
    rows = [score_row(0, status=MaskStatus.LOCKED), score_row(1, status=MaskStatus.ACCEPTED)]
    locked, accepted = (TrackReview.of(1, rows, 2).state(frame) for frame in (0, 1))
    assert (locked.locked, locked.accepted) == (True, True)
    assert (accepted.locked, accepted.accepted) == (False, True)
    assert "locked" in locked.text
    assert "accepted" in accepted.text


@pytest.mark.parametrize("frame", [-1, 3])
def test_there_is_no_state_outside_the_stack(frame):
    with pytest.raises(IndexError, match=r"outside 0\.\.2"):
        TrackReview.of(1, [], 3).state(frame)


def test_agreement_lowers_the_confidence_of_its_frames():
    rows = track_rows([100, 100, 100])
    plain = TrackReview.of(1, rows, 4)
    checked = TrackReview.of(1, rows, 4, agreement={1: 0.5, 3: 0.5})
    np.testing.assert_allclose(checked.confidence, plain.confidence * [1, 0.5, 1, 1])
    assert worst_unreviewed(checked) == 1


@given(areas, st.sets(st.integers(0, 19)), st.sampled_from([0, reach_along("t"), 1]))
def test_one_frame_after_the_other_is_shown_until_all_are_reviewed(sizes, locked, reach):
    rows = [
        score_row(f, a, 0.5 + 0.01 * f, status=MaskStatus.LOCKED if f in locked else MaskStatus(1))
        for f, a in enumerate(sizes)
    ]
    confidence, reviewed = confidences(rows), ReviewedFrames()
    seen = []
    while True:
        track = TrackReview.of(1, rows, 20, reviewed=reviewed.frames(HERE, rows))
        frame = worst_unreviewed(track, reach)
        if frame is None:
            break
        seen.append(frame)
        reviewed.add(HERE, rows[frame])
    assert len(seen) == len(set(seen))
    assert {f for f, a in enumerate(sizes) if a} - locked <= set(seen)
    assert not locked & set(seen)
    if not reach:
        assert [confidence[frame] for frame in seen] == sorted(confidence[frame] for frame in seen)


def test_the_next_frame_is_not_beside_one_that_was_checked():
    rows = [score_row(frame, 100, 0.9) for frame in range(40)]
    for frame, iou in ((20, 0.1), (21, 0.12), (30, 0.5)):
        rows[frame] = score_row(frame, 100, iou)
    chosen = []
    for _ in range(3):
        chosen.append(worst_unreviewed(TrackReview.of(1, rows, 40, reviewed=chosen), 0.125))
    assert chosen == [20, 30, 21]
    by_prompt = TrackReview.of(1, rows, 40, prompted=[20])
    assert worst_unreviewed(by_prompt, 0.125) == 30
    assert worst_unreviewed(by_prompt, reach_along("t")) == 30
    assert worst_unreviewed(by_prompt, reach_along("z")) == 20


def test_only_the_empty_frames_beside_the_masks_are_worth_a_look():
    rows = track_rows([0, 0, 0, 100, 100, 0, 0, 0])
    assert list(np.flatnonzero(TrackReview.of(1, rows, 8).to_review)) == [2, 3, 4, 5]


def test_nothing_is_to_be_reviewed_without_masks():
    assert worst_unreviewed(TrackReview.of(1, [], 5)) is None
    assert worst_unreviewed(TrackReview.of(1, track_rows([0, 0]), 5)) is None
