"""Sessions of a series of volumes: what is computed, kept, repeated and undone."""

from __future__ import annotations

from collections import deque
from threading import Thread
from time import sleep
from typing import Any

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity
from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.factory import create_session_group
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.volume_series.factory import open_series, open_series_session
from napari_sam2.session.volume_series.series_session import SeriesSession
from napari_sam2.tracking.plan import PropagationDirection
from tests.helpers.fakes import FakePredictor
from tests.helpers.volume_series import NucleiSeries, moving_balls

SHAPE = (4, 5, 40, 48)
PLANES = SHAPE[0] * SHAPE[1]


@pytest.fixture
def series() -> NucleiSeries:
    """Two balls that move through the volumes."""
    starts = [(2.0, 12.0, 12.0), (2.0, 28.0, 36.0)]
    return moving_balls(SHAPE, starts, [(0.3, 1.0, 2.0), (-0.3, 1.0, -1.0)])


def opened(series: NucleiSeries, prompts: Any) -> SeriesSession:
    return open_series_session(series.image, prompts, axes="TZYX", model=FakePredictor())


def opened_group(image: np.ndarray) -> SessionGroup:
    limits = Intensity(((0.0, 255.0),))
    return create_session_group(open_series(image, axes="TZYX"), FakePredictor(), limits)


def follow(session: SeriesSession, *objects: int, **options: Any) -> None:
    deque(session.propagate(objects or None, **options), maxlen=0)


def labels(session: SeriesSession) -> np.ndarray:
    return np.asarray(session.sessions.labels.array[...])


@pytest.fixture
def session(series: NucleiSeries) -> SeriesSession:
    """A session with one click on each ball at the first time point."""
    return opened(series, series.prompts())


def iou(session: SeriesSession, series: NucleiSeries, object_id: int) -> float:
    truth, found = series.labels == object_id, labels(session) == object_id
    return float(np.sum(truth & found) / np.sum(truth | found))


def test_objects_are_followed_and_scored_in_the_sessions_of_their_volumes(
    session: SeriesSession, series: NucleiSeries
) -> None:
    plan = session.plan()
    assert plan.order == "t=0, then 1 to 3"
    assert session.n_planes(plan) == PLANES
    follow(session)
    assert min(iou(session, series, o) for o in (1, 2)) > 0.7
    assert session.run.complete
    assert (session.run.done, session.run.total) == (PLANES, PLANES)
    for time, volume in session.volumes().items():
        rows = volume.scores.rows(1)
        assert [row.index for row in rows] == [(time, z) for z in range(SHAPE[1])]
        assert [row.frame for row in rows] == list(range(SHAPE[1]))
    assert session.sessions.progress(1).frames == len(
        np.unique(np.argwhere(labels(session) == 1)[:, :2], axis=0)
    )


def test_a_second_run_computes_nothing(session: SeriesSession) -> None:
    follow(session)
    assert session.plan().steps == ()
    with pytest.raises(UserError, match="up to date"):
        session.propagate()


def test_another_contrast_computes_all_volumes_again(session: SeriesSession) -> None:
    follow(session)
    session.sessions.set_intensity(Intensity(((0.0, 150.0),)))
    assert session.n_planes(session.plan()) == PLANES


def test_a_run_is_undone_and_repeated_as_one_step(session: SeriesSession) -> None:
    follow(session)
    after, history = labels(session), session.sessions.history
    assert len(history) == 1
    history.undo()
    assert not labels(session).any()
    assert session.n_planes(session.plan()) == PLANES
    history.redo()
    np.testing.assert_array_equal(labels(session), after)
    assert session.plan().steps == ()


def test_a_stopped_run_is_continued_in_the_same_step(
    session: SeriesSession, series: NucleiSeries
) -> None:
    whole = opened(series, series.prompts())
    follow(whole)
    for progress in session.propagate():
        if progress.done == 8:
            session.cancel()
    assert session.run.cancelled
    assert session.plan().order == "t=1 to 3"
    follow(session)
    np.testing.assert_array_equal(labels(session), labels(whole))
    assert len(session.sessions.history) == 1
    session.sessions.history.undo()
    assert not labels(session).any()


def test_after_an_edit_a_stopped_run_is_continued_as_another_step(session: SeriesSession) -> None:
    for progress in session.propagate():
        if progress.done == 8:
            session.cancel()
    session.volumes()[0].lock(1, [2])
    follow(session)
    assert len(session.sessions.history) == 3


def test_a_correction_computes_the_volumes_that_follow_it_only(session: SeriesSession) -> None:
    follow(session)
    session.sessions[(("t", 3),)].prompts.add(PointPrompt(1, 2, (15.0, 18.0)))
    plan = session.plan([1])
    # Of two prompted time points the earlier one is the start of volumes at equal distance.
    assert plan.order == "t=3, then 2"
    assert session.plan([2]).steps == ()
    before = session.sessions.masks.get(1, (1, 2))
    follow(session, 1)
    assert session.sessions.masks.get(1, (1, 2)) is before
    assert session.plan().steps == ()


def test_deleted_masks_are_computed_again(session: SeriesSession) -> None:
    follow(session)
    session.volumes()[2].delete_masks(2, [1])
    assert session.plan().order == "t=2"
    follow(session)
    assert session.volumes()[2].result(2, 1) is not None


def test_locked_and_accepted_masks_stay(session: SeriesSession) -> None:
    follow(session)
    volume = session.volumes()[2]
    locked = volume.result(1, 2)
    volume.lock(1, [2])
    session.volumes()[0].prompts.set(1, 2, [PointPrompt(1, 2, (28.0, 36.0))])
    follow(session, 1)
    after = session.sessions.masks.get(1, (2, 2))
    assert locked is not None
    assert after is not None
    assert after.status is MaskStatus.LOCKED
    np.testing.assert_array_equal(after.result(2).crop.logits > 0, locked.crop.logits > 0)


def test_single_accepted_masks_stay(session: SeriesSession) -> None:
    follow(session)
    session.volumes()[2].accept(1, [2])
    accepted = session.sessions.masks.get(1, (2, 2))
    session.volumes()[0].prompts.set(1, 2, [PointPrompt(1, 2, (28.0, 36.0))])
    follow(session, 1)
    assert session.sessions.masks.get(1, (2, 2)) == accepted


def test_masks_of_an_earlier_run_do_not_stay_where_the_object_is_not_found(
    session: SeriesSession, series: NucleiSeries
) -> None:
    follow(session)
    # Outside of both balls: the object has no mask from now on.
    volume = session.volumes()[0]
    volume.prompts.set(1, 2, [PointPrompt(1, 2, (2.0, 46.0))])
    follow(session, 1)
    alone = opened(series, _moved(series))
    follow(alone, 2)
    follow(alone, 1)
    np.testing.assert_array_equal(labels(session) == 1, labels(alone) == 1)


def _moved(series: NucleiSeries) -> dict[str, Any]:
    content: dict[str, Any] = dict(series.prompts())
    objects = [dict(item) for item in content["objects"]]
    point = {"t": 0, "z": 2, "yx": [2.0, 46.0], "label": 1}
    return content | {"objects": [objects[0] | {"points": [point]}, objects[1]]}


def test_frames_without_the_object_by_the_users_decision_get_no_mask(
    session: SeriesSession,
) -> None:
    session.sessions[(("t", 2),)].clear(1, [2])
    follow(session)
    assert session.sessions.masks.get(1, (2, 2)) is None
    assert session.sessions.masks.get(1, (2, 1)) is not None


def test_the_end_of_an_object_computes_nothing_again_until_it_is_taken_back(
    session: SeriesSession,
) -> None:
    follow(session)
    volume = session.volumes()[2]
    volume.end_object(1, 2)
    assert not session.plan([1]).steps
    session.volumes()[0].prompts.add(PointPrompt(1, frame=2, yx=(13.0, 12.0)))
    follow(session, 1)
    assert not labels(session)[2, 3:][labels(session)[2, 3:] == 1].any()
    volume.clear_extent(1)
    assert session.plan([1]).order == "t=2"


def test_accepting_and_reopening_is_for_all_time_points(session: SeriesSession) -> None:
    follow(session)
    group, here = session.sessions, (("t", 1),)
    group.accept(here, 1)
    assert group.progress(1).accepted
    assert not group.progress(2).accepted
    group.reopen(here, 1)
    assert {info.status for info in group.masks.infos(1)} == {MaskStatus.FINAL}
    group.series = False
    group.accept(here, 1)
    accepted = [i.index for i in group.masks.infos(1) if i.status is MaskStatus.ACCEPTED]
    assert {time for time, _ in accepted} == {1}


def test_one_direction_in_time(session: SeriesSession) -> None:
    session.volumes()[0].prompts.clear()
    session.sessions[(("t", 2),)].prompts.add(PointPrompt(1, 2, (14.0, 16.0)))
    assert session.plan(None, PropagationDirection.FORWARD).order == "t=2, then 3"
    assert session.plan(None, PropagationDirection.BACKWARD).order == "t=2, then 1 to 0"


def test_an_object_without_prompts_is_refused(session: SeriesSession) -> None:
    with pytest.raises(UserError, match="Object 7 has no prompt"):
        session.plan([7])
    session.volumes()[0].prompts.clear()
    with pytest.raises(UserError, match="No object has a prompt"):
        session.plan()


def test_a_locked_mask_is_a_start_for_an_object_without_prompts(session: SeriesSession) -> None:
    follow(session)
    session.volumes()[1].lock(1, [2])
    session.volumes()[0].prompts.clear(1)
    assert session.plan([1]).order == "t=1, then 2 to 3, then 0"


def test_drafts_of_both_directions_are_blended(session: SeriesSession) -> None:
    session.volumes()[0].prompts.add(PointPrompt(1, 4, (12.0, 12.0)))
    follow(session, 1)
    infos = {info.index: info for info in session.sessions.masks.infos(1)}
    assert infos[0, 3].origin is MaskOrigin.BLEND
    assert infos[0, 3].status is MaskStatus.FINAL


def test_sessions_of_other_time_points_are_created_while_progress_is_read() -> None:
    image = np.zeros((80, 2, 16, 16), np.uint8)
    group = opened_group(image)
    thread = Thread(target=lambda: [group[(("t", t),)] for t in range(len(image))])
    thread.start()
    while thread.is_alive():
        group.progress(1)
        list(group)
    thread.join()
    assert [dict(position)["t"] for position, _ in group] == list(range(len(image)))


def test_a_session_is_created_once() -> None:
    group, made = opened_group(np.zeros((2, 2, 16, 16), np.uint8)), []
    group.connect(lambda _: sleep(0.01))
    threads = [Thread(target=lambda: made.append(group[(("t", 1),)])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(session) for session in made}) == 1
