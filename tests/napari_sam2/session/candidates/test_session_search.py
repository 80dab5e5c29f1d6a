"""Candidates on the frames of a session: apart from its objects, stopped, and without effect."""

from __future__ import annotations

from threading import Thread
from typing import Any

import numpy as np
import pytest

from napari_sam2.candidates import everything
from napari_sam2.candidates.candidate import CandidateLimits, CandidateSource
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.inference.text.weights import Progress
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.candidates import session_search
from napari_sam2.session.events import RunPhase
from napari_sam2.session.factory import open_session
from napari_sam2.session.session import SegmentationSession
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight
from tests.helpers.session_states import state_of
from tests.helpers.text_detectors import BrightDetector

IMAGES = movie((80, 96), [straight((20, 20), (1, 2), 4), straight((60, 30), (0, 2), 4)])
DISKS = SearchTarget(CandidateSource.TEXT, ("disk", "house"))


@pytest.fixture
def session() -> SegmentationSession:
    return open_session(IMAGES, model=FakePredictor(), axes="TYX", along="t")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the text models that were loaded."""
    names: list[str] = []

    def load(model: str, device: str, progress: Progress) -> BrightDetector:
        names.append(model)
        return BrightDetector("disk")

    monkeypatch.setattr(session_search, "load_text_detector", load)
    return names


def centers(found: list[Any]) -> list[tuple[int, int]]:
    middles = [np.argwhere(c.crop.logits > 0).mean(axis=0) + c.crop.window.offset for c in found]
    return sorted((round(y), round(x)) for y, x in middles)


def test_everything_on_a_frame_is_found_and_nothing_is_changed(
    session: SegmentationSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everything, "GRID_SIDE", 8)
    before = state_of(session)
    assert centers(session.search.find(2)) == [(22, 24), (60, 34)]
    assert session.run.phase is RunPhase.COMPLETE
    assert state_of(session) == before


def test_candidates_keep_clear_of_the_objects_of_their_frame(
    session: SegmentationSession, loaded: list[str]
) -> None:
    object_id = session.add_object()
    session.prompts.add(PointPrompt(object_id, 2, (22, 24)))
    session.preview(object_id, 2)
    assert centers(session.search.find(2, DISKS)) == [(60, 34)]
    found = session.search.find(0, DISKS)
    assert len(found) == 2
    session.prompts.add(found[0].prompt(object_id, 0))
    session.preview(object_id, 0)
    assert centers(session.search.without_objects(0, found)) == centers(found[1:])


def test_limits_of_score_area_and_number(session: SegmentationSession, loaded: list[str]) -> None:
    assert session.search.find(0, DISKS, CandidateLimits(max_area=50)) == []
    assert session.search.find(0, DISKS, CandidateLimits(min_score=0.95)) == []
    assert len(session.search.find(0, DISKS, CandidateLimits(max_objects=1))) == 1
    with pytest.raises(IndexError):
        session.search.find(9)


def test_a_search_that_is_stopped_gives_nothing(
    session: SegmentationSession, loaded: list[str]
) -> None:
    reports: list[tuple[int, int]] = []

    def stop(*report: int) -> None:
        reports.append(report)
        session.cancel()

    session.events.progress.connect(stop)
    assert session.search.find(0, DISKS) == []
    assert session.run.phase is RunPhase.CANCELLED
    assert reports == [(1, 2)]


def test_other_threads_call_the_model_between_the_views_of_a_search(
    session: SegmentationSession, loaded: list[str]
) -> None:
    object_id = session.add_object()
    session.prompts.add(PointPrompt(object_id, 0, (20, 20)))
    clicks: list[Thread] = []

    def click(done: int, total: int) -> None:
        clicks.append(Thread(target=session.preview, args=(object_id, 0)))
        clicks[-1].start()

    session.events.progress.connect(click)
    assert len(session.search.find(1, DISKS)) == 2
    for thread in clicks:
        thread.join(10)
    assert session.result(object_id, 0) is not None


def test_each_search_has_its_text_model(session: SegmentationSession, loaded: list[str]) -> None:
    for name in "aab":
        found = session.search.find(0, DISKS, text_model=name)
        assert {one.source for one in found} == {CandidateSource.TEXT}
    assert loaded == ["a", "a", "b"]


def test_a_download_is_reported_in_megabytes_and_stopped(
    session: SegmentationSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        reports.append((done, total))
        assert session.search.downloading
        if done == 3:
            session.cancel()

    received: list[int] = []

    def load(model: str, device: str, progress: Progress) -> BrightDetector:
        for megabytes in range(1, 700):
            progress(megabytes * 10**6, 699 * 10**6)
            received.append(megabytes)
        return BrightDetector("disk")

    monkeypatch.setattr(session_search, "load_text_detector", load)
    before = state_of(session)
    session.events.progress.connect(stop)
    assert session.search.find(0, DISKS) == []
    assert reports == [(1, 699), (2, 699), (3, 699)]
    assert received == [1, 2, 3]
    assert session.run.phase is RunPhase.CANCELLED
    assert not session.search.downloading
    assert state_of(session) == before


def test_a_search_that_fails_changes_nothing(session: SegmentationSession) -> None:
    before = state_of(session)
    with pytest.raises(UserError, match="There is no text model nothing"):
        session.search.find(0, DISKS, text_model="nothing")
    assert state_of(session) == before


LIKE_FIRST = SearchTarget(CandidateSource.EXAMPLE, like=(1,))


def click_first_disk(session: SegmentationSession) -> None:
    assert session.add_object() == 1
    session.prompts.add(PointPrompt(1, 2, (22, 24)))
    session.preview(1, 2)


def test_objects_like_one_of_the_session_are_found_on_any_frame(
    session: SegmentationSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everything, "GRID_SIDE", 8)
    click_first_disk(session)
    assert centers(session.search.find(2, LIKE_FIRST)) == [(60, 34)]
    found = session.search.find(0, LIKE_FIRST)
    assert centers(found) == [(20, 20), (60, 30)]
    assert {one.source for one in found} == {CandidateSource.EXAMPLE}


def test_an_object_without_a_mask_is_no_example(session: SegmentationSession) -> None:
    session.add_object()
    for search in (session.search.find, session.search.rank):
        with pytest.raises(UserError, match="Object 1 has no mask"):
            search(0, LIKE_FIRST)


def test_a_ranking_that_is_stopped_gives_nothing(session: SegmentationSession) -> None:
    click_first_disk(session)
    session.events.progress.connect(lambda *_: session.cancel())
    # Small objects are searched for in several views.
    assert session.search.rank(0, LIKE_FIRST, diameter=6) is None
    assert session.run.phase is RunPhase.CANCELLED
