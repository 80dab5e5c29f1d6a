"""Divisions that were found in the masks of a session: accepted, undone, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.types import MaskPrompt, PointPrompt
from napari_sam2.session.factory import open_session
from napari_sam2.session.saved_sessions import create_saved_sessions
from napari_sam2.session.session import SegmentationSession
from napari_sam2.tracking.division.division import Division, division_score
from tests.helpers.fakes import FakePredictor
from tests.helpers.session_states import replayed, state_of


def movie(frames: int = 7) -> np.ndarray:
    """Return labels of a cell that becomes two from frame 3 on, 1 left and 2 right."""
    labels = np.zeros((frames, 40, 60), np.uint16)
    labels[:3, 10:22, 20:40] = 1
    labels[3:, 10:22, 15:26] = 1
    labels[3:, 10:22, 34:44] = 2
    return labels


def session_of(labels: np.ndarray, along: str = "t") -> SegmentationSession:
    axes = f"{along.upper()}YX"
    session = open_session(labels * 100, model=FakePredictor(), axes=axes, along=along)
    for frame, plane in enumerate(labels):
        session.import_labels(frame, plane)
    return session


def labels_of(session: SegmentationSession) -> np.ndarray:
    return np.asarray(session.labels.array)


def test_a_mask_that_falls_into_parts_becomes_two_daughters_in_one_step() -> None:
    labels = movie()
    session = session_of(np.minimum(labels, 1))
    [found] = session.find_divisions()
    assert found == Division(1, 3)
    assert found.score == pytest.approx(10 / 11 * 20 / 21, abs=0.06)
    before, steps = state_of(session), len(session.history)
    first, second = session.accept_division(found)
    assert len(session.history) == steps + 1
    assert session.objects.lineage.parents == {first: 1, second: 1}
    divided = labels_of(session)
    np.testing.assert_array_equal(divided > 0, labels > 0)
    np.testing.assert_array_equal(divided[:3] > 0, divided[:3] == 1)
    for value in (first, second):
        assert {*np.unique(labels[3:][divided[3:] == value])} in ({1}, {2})
    assert session.find_divisions() == ()
    assert list(session.absent(second)) == [0, 1, 2]
    session.history.undo()
    assert state_of(session) == before
    session.history.redo()
    np.testing.assert_array_equal(labels_of(session), divided)


def test_parts_that_touch_and_cross_later_stay_what_they_were() -> None:
    labels = np.minimum(movie(), 1)
    labels[5, 10:22, 15:44] = 1
    session = session_of(labels)
    first, second = session.accept_division(Division(1, 3))
    divided = labels_of(session)
    assert {*np.unique(divided[5])} == {0, first, second}
    assert divided[5, 15, 16] == divided[4, 15, 16] == divided[6, 15, 16]
    assert divided[5, 15, 43] == divided[4, 15, 43] == divided[6, 15, 43]


def test_a_track_that_follows_one_daughter_is_divided_where_the_other_begins() -> None:
    session = session_of(movie())
    [found] = session.find_divisions()
    assert found == Division(1, 3, (2,))
    assert 0.8 < found.score <= 1
    new, other = session.accept_division(found)
    assert other == 2
    assert session.objects.lineage.parents == {2: 1, new: 1}
    assert session.find_divisions() == ()


def test_links_that_are_there_already_are_not_found_again() -> None:
    labels = movie()
    labels[3:][labels[3:] == 1] = 3
    session = session_of(labels)
    assert session.find_divisions() == (Division(1, 3, (2, 3), continues=False),)
    session.set_parent(2, 1)
    assert len(session.find_divisions()) == 1
    session.set_parent(3, 1)
    assert session.find_divisions() == ()


def test_divisions_that_cannot_be_accepted_change_nothing() -> None:
    session = session_of(np.minimum(movie(), 1))
    session.lock(1, [4])
    before = state_of(session)
    with pytest.raises(UserError, match="locked on frame 4"):
        session.accept_division(Division(1, 3))
    with pytest.raises(UserError, match="no object 9"):
        session.accept_division(Division(1, 3, (9,)))
    assert state_of(session) == before
    session.unlock(1, [4])
    session.prompts.add(PointPrompt(1, 5, (15, 18)))
    with pytest.raises(UserError, match="prompts on frame 5"):
        session.accept_division(Division(1, 3))
    assert len(session.objects) == 1
    with pytest.raises(UserError, match="along t only"):
        session_of(movie(), along="z").find_divisions()


def test_a_prompt_before_the_division_stays_with_the_parent() -> None:
    session = session_of(np.minimum(movie(), 1))
    session.prompts.add(MaskPrompt(1, 0, np.ones((12, 20), bool), (10, 20)))
    session.accept_division(Division(1, 3))
    assert [prompt.object_id for prompt in session.prompts] == [1]


def test_a_division_is_saved_and_replayed(tmp_path: Path) -> None:
    labels = np.minimum(movie(), 1)
    tifffile.imwrite(tmp_path / "cell.tif", labels, metadata={"axes": "TYX"})
    sessions = create_saved_sessions(open_stack(tmp_path / "cell.tif"), FakePredictor())
    for frame, plane in enumerate(labels):
        sessions[()].import_labels(frame, plane)
    sessions[()].accept_division(Division(1, 3))
    assert state_of(replayed(sessions)[()]) == state_of(sessions[()])
    sessions.close()


@pytest.mark.parametrize(
    ("whole", "parts", "score"),
    [(200, (100, 100), 1.0), (200, (100, 50), 0.375), (100, (100, 100), 0.5), (90, (9, 3, 9), 0.2)],
)
def test_the_score_of_a_division(whole: int, parts: tuple[int, ...], score: float) -> None:
    assert division_score(whole, parts) == pytest.approx(score)
