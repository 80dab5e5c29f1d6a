"""Parent links and divisions in a session: validated, undone, saved and replayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.view import ViewPolicy
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.scenes import click, movie, session_of, straight
from tests.helpers.session_states import replayed, state_of
from tests.napari_sam2.session.storage.test_session_folder import reopen, save_in

N_FRAMES = 8
FIRST = straight((16, 12), (0, 1), N_FRAMES)
SECOND = straight((34, 12), (0, 1), N_FRAMES)
DATA = movie((48, 40), [FIRST, SECOND])
FULL = SessionSettings(view=ViewPolicy.parse("full"))


def tracked(along: str = "t") -> SegmentationSession:
    """Return a session with object 1 on all frames and object 2 from frame 4 on."""
    prompts = [click(1, 0, FIRST), click(1, 6, FIRST), click(2, 4, SECOND)]
    session = session_of(DATA, prompts, settings=FULL, along=along)
    session.begin_object(2, 4)
    list(session.propagate())
    return session


def frames_of(session: SegmentationSession, object_id: int) -> list[int]:
    return [i.index[0] for i in session.masks.infos(object_id) if i.area]


def test_a_division_moves_later_masks_and_prompts_to_a_new_daughter() -> None:
    session = tracked()
    before, pixels = state_of(session), np.asarray(session.labels.array[...]).copy()
    assert session.divide(1, 4, [2]) == (3, 2)
    assert [frames_of(session, i) for i in (1, 2, 3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7]]
    assert [o.parent for o in session.objects] == [None, 1, 1]
    assert session.prompts.frames(1) == (0,)
    assert session.prompts.frames(3) == (6,)
    after = np.asarray(session.labels.array[...])
    np.testing.assert_array_equal(after[:4], pixels[:4])
    np.testing.assert_array_equal(after[4:], np.where(pixels[4:] == 1, 3, pixels[4:]))
    divided = state_of(session)
    assert session.history.undo_title == "Divide object 1 on frame 4"
    session.history.undo()
    assert state_of(session) == before
    session.history.redo()
    assert state_of(session) == divided


def test_parent_and_daughters_stay_on_their_sides_when_they_are_tracked_again() -> None:
    session = tracked()
    session.divide(1, 4, [2])
    list(session.propagate(PropagationRequest((1, 3))))
    assert frames_of(session, 1) == [0, 1, 2, 3]
    assert frames_of(session, 3) == [4, 5, 6, 7]
    assert session.correction(1) is None


def test_a_second_division_earlier_keeps_the_first_one() -> None:
    session = tracked()
    session.divide(1, 4, [2])
    (middle,) = session.divide(1, 2)
    assert middle == 4
    assert dict(session.objects.lineage.parents) == {2: 4, 3: 4, 4: 1}


def test_links_are_saved_replayed_and_opened_again(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    session = sessions[()]
    for object_id, frame in ((1, 0), (2, 2)):
        y, x = (16 + frame, 16 + 2 * frame) if object_id == 1 else (44 - frame, 40 + frame)
        session.prompts.add(click(object_id, frame, np.full((4, 2), (y, x))))
        session.preview(object_id, frame)
    session.set_parent(2, 1)
    assert state_of(replayed(sessions)[()]) == state_of(session)
    sessions = reopen(sessions)
    assert sessions.objects.lineage.parent(2) == 1
    sessions.history.undo()
    assert sessions.objects.lineage.parent(2) is None
    sessions.close()


@pytest.mark.parametrize(
    ("child", "parent", "message"),
    [
        (1, 1, "circle: 1 -> 1"),
        (2, 9, "There is no object 9"),
        (9, 1, "There is no object 9"),
        (2, 1, "Object 1 still exists on frame 7, but its daughter 2 begins on frame 4"),
    ],
)
def test_links_that_cannot_be_are_refused(child: int, parent: int, message: str) -> None:
    session = tracked()
    before = state_of(session)
    with pytest.raises(UserError, match=message):
        session.set_parent(child, parent)
    assert state_of(session) == before


def test_divisions_that_cannot_be_are_refused() -> None:
    session = tracked()
    session.lock(1, [6])
    before = state_of(session)
    for frame, daughters, message in (
        (5, (2,), "locked on frame 6"),
        (7, (2,), "Object 2 begins on frame 4, before the division on frame 7"),
        (4, (1,), "circle"),
        (4, (9,), "There is no object 9"),
    ):
        with pytest.raises(UserError, match=message):
            session.divide(1, frame, daughters)
        assert state_of(session) == before
    session.unlock(1)
    with pytest.raises(UserError, match="no mask before frame 0"):
        session.divide(1, 0)
    with pytest.raises(IndexError):
        session.divide(1, N_FRAMES)
    session.end_object(2, 5)
    with pytest.raises(UserError, match="no mask from frame 6 on"):
        session.divide(2, 6)


def test_along_z_objects_have_no_parents() -> None:
    session = tracked("z")
    with pytest.raises(UserError, match=r"along t only.* merge it"):
        session.divide(1, 4, [2])


def test_deleting_and_merging_keep_links_valid() -> None:
    session = tracked()
    session.divide(1, 4, [2])
    session.divide(3, 6)
    assert dict(session.objects.lineage.parents) == {2: 1, 3: 1, 4: 3}
    session.merge(3, 2)
    assert dict(session.objects.lineage.parents) == {2: 1, 4: 2}
    session.history.undo()
    session.merge(3, 1)
    assert dict(session.objects.lineage.parents) == {2: 1, 4: 1}
    session.history.undo()
    session.merge(1, 4)
    assert dict(session.objects.lineage.parents) == {2: 4, 4: 3}
    session.history.undo()
    session.delete_object(1)
    assert dict(session.objects.lineage.parents) == {4: 3}
