"""Selected candidates are disjoint, best first, and do not depend on their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.candidates.selection import MAX_TAKEN, select_disjoint
from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskCrop

SHAPE = (24, 30)


def rectangle(y: int, x: int, height: int, width: int, score: float) -> Candidate:
    return Candidate(MaskCrop.from_mask(np.ones((height, width), bool), (y, x)), score)


rectangles = st.builds(
    rectangle,
    st.integers(0, 14),
    st.integers(0, 20),
    st.integers(1, 10),
    st.integers(1, 10),
    st.floats(0, 1, width=16),
)


@given(st.lists(rectangles, max_size=12), st.randoms())
@settings(max_examples=60, deadline=None)
def test_selected_candidates_share_no_pixel_whatever_their_order(candidates, random) -> None:
    limits = CandidateLimits(min_score=0.25)
    selected = select_disjoint(candidates, SHAPE, limits)
    count = np.zeros(SHAPE, int)
    for candidate in selected:
        count[candidate.crop.window.slices] += candidate.crop.logits > 0
    assert count.max(initial=0) <= 1
    scores = [candidate.score for candidate in selected]
    assert scores == sorted(scores, reverse=True)
    assert min(scores, default=1) >= limits.min_score
    shuffled = list(candidates)
    random.shuffle(shuffled)
    again = select_disjoint(shuffled, SHAPE, limits)
    assert [(c.crop.box, c.score) for c in again] == [(c.crop.box, c.score) for c in selected]


def test_the_better_of_a_whole_and_its_parts_is_kept() -> None:
    parts = [rectangle(2, 2, 8, 4, 0.8), rectangle(2, 6, 8, 4, 0.7)]
    for score, expected in ((0.9, 1), (0.6, 2)):
        whole = rectangle(2, 2, 8, 8, score)
        assert len(select_disjoint([whole, *parts], SHAPE, CandidateLimits())) == expected


def test_a_candidate_owns_only_what_is_left_of_it() -> None:
    first, second = rectangle(0, 0, 10, 10, 0.9), rectangle(0, 8, 10, 10, 0.8)
    kept = select_disjoint([first, second], SHAPE, CandidateLimits())
    assert [candidate.crop.area for candidate in kept] == [100, 80]
    too_close = rectangle(0, 10 - int(MAX_TAKEN * 10) - 1, 10, 10, 0.8)
    assert len(select_disjoint([first, too_close], SHAPE, CandidateLimits())) == 1


def test_existing_objects_keep_their_pixels() -> None:
    found = rectangle(4, 4, 6, 6, 0.9)
    assert select_disjoint([found], SHAPE, CandidateLimits(), occupied=[found.crop]) == []


def test_limits_on_area_and_number() -> None:
    small, large = rectangle(0, 0, 2, 2, 0.9), rectangle(10, 10, 9, 9, 0.8)
    assert len(select_disjoint([small, large], SHAPE, CandidateLimits(min_area=5))) == 1
    assert len(select_disjoint([small, large], SHAPE, CandidateLimits(max_area=5))) == 1
    assert len(select_disjoint([small, large], SHAPE, CandidateLimits(max_objects=1))) == 1


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"min_score": 1.5}, "from 0 to 1"),
        ({"min_area": 9, "max_area": 4}, "No area"),
        ({"max_objects": 0}, "at least 1"),
    ],
)
def test_impossible_limits_have_a_message(limits, words) -> None:
    with pytest.raises(UserError, match=words):
        CandidateLimits(**limits)
