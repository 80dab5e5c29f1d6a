"""Candidates in a viewer: outlines, clicks, acceptance as one step, and undo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.candidates.by_example import ExampleRanking
from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.types import MaskPrompt
from napari_sam2.viewer.candidates.review import CandidateReview, search_limits
from napari_sam2.viewer.layers.layer_set import LayerRole
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser, click

CORNERS = ((10, 10), (10, 50), (50, 20))
SCORES = (0.9, 0.8, 0.4)
MOVIE = movie((80, 96), [straight((20, 20), (1, 2), 4)])


def squares() -> list[Candidate]:
    mask = np.ones((12, 12), bool)
    return [
        Candidate(MaskCrop.from_mask(mask, corner), score)
        for corner, score in zip(CORNERS, SCORES, strict=True)
    ]


@pytest.fixture
def user() -> ModelUser:
    return ModelUser.open(MOVIE)


@pytest.fixture
def review(user: ModelUser) -> CandidateReview:
    made = CandidateReview(user.sync, (), 1, dict(enumerate(squares())), CandidateLimits())
    made.show()
    return made


def shown(user: ModelUser) -> list[int]:
    """Return the values in the middle of the squares."""
    layer = user.sync.layers.find(LayerRole.CANDIDATES)
    return [int(layer.data[0, y + 6, x + 6]) for y, x in CORNERS]


def press(user: ModelUser, y: float, x: float, *modifiers: str) -> None:
    user.viewer.layers.selection.active = user.sync.layers.find(LayerRole.CANDIDATES)
    click(user.viewer, 1, y, x, modifiers=modifiers)


def test_outlines_of_the_candidates_within_the_limits_lie_on_their_frame(
    user: ModelUser, review: CandidateReview
) -> None:
    layer = user.sync.layers.find(LayerRole.CANDIDATES)
    assert layer.name.startswith("SAM 2 candidates: ")
    assert layer.contour >= 1
    assert tuple(layer.translate) == (1, 0, 0)
    assert layer.data.shape == (1, 80, 96)
    assert shown(user) == [1, 3, 0]
    review.limit(CandidateLimits(min_score=0.3))
    assert shown(user) == [1, 3, 5]
    review.limit(CandidateLimits(min_score=0.3, max_area=100))
    assert shown(user) == [0, 0, 0]
    assert review.open == []


def test_all_are_accepted_as_one_step_that_is_undone_and_redone(
    user: ModelUser, review: CandidateReview
) -> None:
    steps = len(user.sync.sessions.history)
    review.accept_all()
    assert len(user.sync.sessions.history) == steps + 1
    assert [prompt.object_id for prompt in user.prompts] == [1, 2]
    assert all(isinstance(prompt, MaskPrompt) for prompt in user.prompts)
    assert [int(user.drafts()[1, y + 6, x + 6]) for y, x in CORNERS] == [1, 2, 0]
    assert review.open == []
    assert shown(user) == [0, 0, 0]
    assert user.sync.undo()
    review.update()
    assert not user.drafts().any()
    assert user.prompts == []
    assert review.open == [0, 1]
    assert shown(user) == [1, 3, 0]
    assert user.sync.redo()
    review.update()
    assert review.open == []
    assert [prompt.object_id for prompt in user.prompts] == [1, 2]


def test_a_click_accepts_and_alt_click_rejects(user: ModelUser, review: CandidateReview) -> None:
    press(user, 16, 56, "Alt")
    assert shown(user) == [1, 4, 0]
    assert review.open == [0]
    assert user.prompts == []
    press(user, 16, 16)
    assert [prompt.object_id for prompt in user.prompts] == [1]
    assert shown(user) == [0, 4, 0]
    review.accept_all()
    assert len(user.prompts) == 1
    press(user, 16, 56, "Alt")
    assert review.open == [1]
    press(user, 40, 40)
    assert len(user.prompts) == 1


def test_a_new_object_with_the_id_of_one_that_was_undone_is_no_candidate(
    user: ModelUser, review: CandidateReview
) -> None:
    review.accept([0])
    user.sync.undo()
    review.update()
    user.viewer.dims.set_point(0, 1)
    user.click(1, 21, 22)
    review.update()
    assert [prompt.object_id for prompt in user.prompts] == [1]
    assert review.open == [0, 1]


def test_an_object_that_is_corrected_stays_accepted(
    user: ModelUser, review: CandidateReview
) -> None:
    review.accept([0])
    user.sync.prompt_layers.select(1)
    user.click(1, 16, 16)
    review.update()
    assert review.open == [1]


def test_candidates_where_objects_are_now_are_left_out_with_a_message(
    user: ModelUser, review: CandidateReview
) -> None:
    notices: list[str] = []
    user.sync.events.notice.connect(notices.append)
    user.sync.session.prompts.add(MaskPrompt(7, 1, np.ones((12, 12), bool), CORNERS[0]))
    user.sync.session.preview(7, 1)
    review.accept_all()
    assert {p.object_id for p in user.prompts} == {7, 1}
    assert notices[-1] == "1 object made of candidates. 1 was left out, where objects are now."
    review.accept([0])
    assert notices[-1] == "Objects are where the candidates were, so nothing was accepted."


def test_the_layer_is_made_again_after_it_was_deleted(
    user: ModelUser, review: CandidateReview
) -> None:
    user.viewer.layers.remove(user.sync.layers.find(LayerRole.CANDIDATES))
    review.limit(CandidateLimits(min_score=0.85))
    assert shown(user) == [1, 0, 0]
    press(user, 16, 16)
    assert [prompt.object_id for prompt in user.prompts] == [1]
    review.close()
    assert user.sync.layers.find(LayerRole.CANDIDATES) is None


def test_the_outlines_follow_a_turned_image() -> None:
    viewer = ViewerModel()
    affine = np.array([[1, 0, 0, 0], [0, 0, 2, 5], [0, -2, 0, 9], [0, 0, 0, 1]])
    image = viewer.add_image(MOVIE, scale=(1, 0.5, 0.5), affine=affine)
    user = ModelUser.start(viewer)
    CandidateReview(user.sync, (), 2, dict(enumerate(squares())), CandidateLimits()).show()
    layer = user.sync.layers.find(LayerRole.CANDIDATES)
    for y, x in CORNERS:
        np.testing.assert_allclose(layer.data_to_world((0, y, x)), image.data_to_world((2, y, x)))


KINDS = (0.0, 0.1, 5.0, 5.1, 2.5)
"""What the look of the proposals is made of."""
PLACES = ((10, 10), (10, 50), (50, 20), (50, 60), (30, 30))


def proposals() -> ExampleRanking:
    """Return two proposals that look like the example, two that do not, and one between them."""
    mask = np.ones((12, 12), bool)
    candidates = tuple(Candidate(MaskCrop.from_mask(mask, place), 0.9) for place in PLACES)
    features = np.array(KINDS)[:, None] + np.arange(9) / 100
    return ExampleRanking(candidates, features, (80, 96), features[:1], np.zeros((0, 9)))


@pytest.fixture
def ranked(user: ModelUser) -> CandidateReview:
    ranking, limits = proposals(), CandidateLimits(min_score=0.5)
    found = ranking.select(search_limits(limits))
    made = CandidateReview(user.sync, (), 1, found, limits, ranking)
    made.show()
    return made


def scores(review: CandidateReview) -> dict[int, float]:
    return {number: round(one.score, 3) for number, one in sorted(review.found.items())}


def test_a_rejected_candidate_is_a_counter_example_until_it_is_taken_back(
    user: ModelUser, ranked: CandidateReview
) -> None:
    before = scores(ranked)
    assert set(ranked.open) == set(before) == {0, 1, 2, 3, 4}
    press(user, *middle(3), "Alt")
    after = scores(ranked)
    assert after.get(2, 0) < before[2] - 0.2
    assert after[3] == before[3]
    assert set(ranked.open) == {0, 1, 4}
    assert shown_at(user, 3) == 2 * 3 + 2
    press(user, *middle(3), "Alt")
    assert scores(ranked) == before
    assert set(ranked.open) == set(before)


def test_an_accepted_candidate_is_an_example_until_it_is_undone(
    user: ModelUser, ranked: CandidateReview
) -> None:
    before = scores(ranked)
    ranked.limit(CandidateLimits(min_score=0.3))
    assert 2 in ranked.open
    ranked.accept([2])
    after = scores(ranked)
    assert after[3] > before[3] + 0.2
    assert len(user.prompts) == 1
    user.sync.undo()
    ranked.update()
    assert scores(ranked) == before
    user.sync.redo()
    ranked.update()
    assert scores(ranked) == after
    assert 2 not in ranked.open


def test_nothing_is_offered_where_a_candidate_was_rejected(user: ModelUser) -> None:
    ranking = proposals()
    part = MaskCrop.from_mask(np.ones((12, 11), bool), PLACES[0])
    double = replace(
        ranking,
        candidates=(*ranking.candidates, Candidate(part, 0.8)),
        features=np.concatenate((ranking.features, ranking.features[2:3])),
    )
    limits = CandidateLimits(min_score=0.01)
    review = CandidateReview(user.sync, (), 1, double.select(limits), limits, double)
    review.show()
    review.accept([2])
    assert 5 not in review.found
    press(user, *middle(0), "Alt")
    assert 5 not in review.found
    assert 0 in review.found


def test_marks_that_change_while_candidates_are_ranked_count(
    user: ModelUser, ranked: CandidateReview
) -> None:
    waiting: list[tuple[Any, Any]] = []
    user.sync.prompts.execute = lambda work, done: waiting.append((work, done))
    ranked.click(4, True)
    ranked.click(1, True)
    assert shown_at(user, 1) == 2 * 1 + 2
    (_, early_done), (work, done) = waiting
    early = waiting[0][0]()
    done(work())
    assert ranked.open == [0]
    last = scores(ranked)
    early_done(early)
    assert scores(ranked) == last
    ranked.click(0, True)
    ranked.close()
    work, done = waiting[-1]
    done(work())
    assert user.sync.layers.find(LayerRole.CANDIDATES) is None


def test_clicks_are_about_the_candidates_of_the_last_search(
    user: ModelUser, review: CandidateReview
) -> None:
    review.end()
    last = CandidateReview(user.sync, (), 1, {5: squares()[1]}, CandidateLimits())
    last.show()
    press(user, 16, 56)
    assert len(user.prompts) == 1
    assert last.open == []
    review.limit(CandidateLimits(min_score=0.3))
    assert shown(user) == [0, 0, 0]


def middle(number: int) -> tuple[int, int]:
    y, x = PLACES[number]
    return y + 6, x + 6


def shown_at(user: ModelUser, number: int) -> int:
    y, x = middle(number)
    return int(user.sync.layers.find(LayerRole.CANDIDATES).data[0, y, x])
