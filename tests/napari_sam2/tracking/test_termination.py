from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.images.view import ViewPolicy
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.termination import PresenceHistory
from tests.helpers.scenes import click, movie, session_of, straight

FULL = SessionSettings(view=ViewPolicy.parse("full"))


@given(st.lists(st.booleans(), max_size=12))
def test_only_consecutive_absences_count(present):
    history = PresenceHistory(usual_area=100.0)
    for seen in present:
        history = history.advance(100 if seen else 0, 5.0 if seen else -5.0)
    trailing = next((i for i, seen in enumerate(reversed(present)) if seen), len(present))
    assert history.absent_frames == trailing
    assert history.ended == (trailing >= 3)


@pytest.mark.parametrize(("area", "score"), [(0, 5.0), (1, 5.0), (100, 0.0), (100, -1.0)])
def test_an_object_without_area_or_score_is_absent(area, score):
    history = PresenceHistory(usual_area=100.0).advance(area, score)
    assert history.absent_frames == 1
    assert history.usual_area == 100.0


def test_the_usual_area_follows_the_object():
    history = PresenceHistory()
    for area in (100, 200):
        history = history.advance(area, 5.0)
    assert history.usual_area == pytest.approx(110)


@pytest.mark.parametrize(
    ("along", "detect", "tracked"), [("z", True, 7), ("z", False, 11), ("t", True, 11)]
)
def test_a_track_ends_in_space_only_and_only_if_that_is_set(along, detect, tracked):
    path = straight((40, 40), (0, 0), 12)
    data = movie((96, 96), [path], radius=10)
    data[5:] = 20
    settings = replace(FULL, end_detection=detect)
    session = session_of(data, [click(1, 0, path)], along=along, settings=settings)
    areas = [result.area for result in session.propagate()]
    assert len(areas) == 12
    assert not any(areas[5:])
    assert session.predictor.calls["track"] == tracked
