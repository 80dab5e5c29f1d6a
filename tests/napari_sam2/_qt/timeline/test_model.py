"""The reduction of frames to columns of pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2._qt.timeline.model import ColumnScale, TimelineModel, frame_at
from napari_sam2.analysis.review import TrackReview
from tests.helpers.score_rows import score_row

scales = st.builds(ColumnScale, st.integers(1, 40), st.integers(1, 40))


@given(scales)
def test_columns_and_frames_belong_to_each_other(scale):
    frames = [scale.frames(column) for column in range(scale.width)]
    assert {frame for part in frames for frame in part} == set(range(scale.n_frames))
    for frame in range(scale.n_frames):
        shown = [column for column, part in enumerate(frames) if frame in part]
        assert list(scale.columns(frame)) == shown


@given(scales, st.integers(0, 2**32))
def test_a_column_shows_the_lowest_value_of_its_frames(scale, seed):
    values, keys = np.random.default_rng(seed).random((2, scale.n_frames))
    known = keys > 0.4
    values[~known] = np.nan
    lowest = scale.lowest(values)
    assert lowest.shape == (scale.width,)
    for column in range(scale.width):
        part = values[list(scale.frames(column))]
        expected = np.nan if np.isnan(part).all() else np.nanmin(part)
        np.testing.assert_equal(lowest[column], expected)
        assert scale.any(known)[column] == (~np.isnan(part)).any()
        assert scale.all(known)[column] == (~np.isnan(part)).all()


def test_positions_outside_belong_to_the_first_and_last_frame():
    scale = ColumnScale(10, 100)
    assert (scale.frames(-5)[0], scale.frames(1000)[0]) == (0, 9)


@given(st.integers(1, 40), st.integers(1, 30))
def test_a_heat_map_keeps_the_lowest_confidence_of_all_objects(objects, height):
    values = np.random.default_rng(objects).random((objects, 50))
    heat = ColumnScale(50, 20).heat_map(list(values), height)
    assert heat.shape == (min(objects, height), 20)
    assert heat.min() == values.min()
    if objects <= height:
        np.testing.assert_array_equal(heat.min(axis=1), values.min(axis=1))


def test_a_heat_map_without_objects_has_no_rows():
    assert ColumnScale(50, 20).heat_map([], 12).shape == (0, 20)


def test_the_frame_of_a_column_is_the_worst_of_its_frames():
    rows = [score_row(frame, iou=0.2 if frame == 57 else 0.9) for frame in range(100)]
    model = TimelineModel(100, track=TrackReview.of(1, rows, 100))
    scale = ColumnScale(100, 10)
    assert frame_at(model, scale, 5) == 57
    assert frame_at(TimelineModel(100), scale, 5) == 50
    assert frame_at(TimelineModel(100, track=TrackReview.of(1, [], 100)), scale, 5) == 50
