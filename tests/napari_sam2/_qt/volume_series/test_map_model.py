"""The planes of a series on a grid of pixels, and their state in words."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2._qt.volume_series.map_model import MapScale, VolumeMapModel
from napari_sam2.analysis.review import TrackReview
from tests.helpers.score_rows import score_row

DEPTH = 4
sizes = st.integers(1, 9)


def volume(*areas: int, prompted: tuple[int, ...] = ()) -> TrackReview:
    """Return the review of planes with masks of some areas; -1 for a plane without a mask."""
    rows = [score_row(z, area=area) for z, area in enumerate(areas) if area >= 0]
    return TrackReview.of(1, rows, len(areas), prompted=prompted)


@given(sizes, sizes, sizes, sizes, st.integers(0, 2**32))
def test_each_pixel_shows_the_lowest_confidence_of_its_planes(n_times, depth, width, height, seed):
    values, keys = np.random.default_rng(seed).random((2, depth, n_times))
    values[keys < 0.4] = np.nan
    model = VolumeMapModel(n_times, depth)
    model.__dict__["confidence"] = values
    scale = MapScale.of(model, width, height)
    lowest, flags = scale.lowest(values), scale.any(keys < 0.4)
    assert lowest.shape == flags.shape == (height, width)
    for row in range(height):
        for column in range(width):
            times, depths = scale.times.frames(column), scale.depths.frames(row)
            part = values[depths.start : depths.stop, times.start : times.stop]
            expected = np.nan if np.isnan(part).all() else np.nanmin(part)
            np.testing.assert_equal(lowest[row, column], expected)
            assert flags[row, column] == np.isnan(part).any()
            time, z = scale.plane(model, column, row)
            assert time in times
            assert z in depths
            np.testing.assert_equal(values[z, time], expected)


def test_pixels_outside_belong_to_the_nearest_plane():
    model = VolumeMapModel(3, 2)
    scale = MapScale.of(model, 30, 20)
    assert scale.plane(model, -5, -5) == (0, 0)
    assert scale.plane(model, 99, 99) == (2, 1)


def test_an_object_is_lost_at_time_points_between_those_with_it():
    found, searched = volume(-1, 9, 9, 0), volume(-1, 0, 0, -1)
    model = VolumeMapModel(6, DEPTH, (0, 0), 1, {0: found, 1: searched, 2: found, 4: searched})
    assert model.lost[:, 1].all()
    # After its last time point it is not lost but absent, and time points 3 and 5 are unknown.
    assert not model.lost[:, [0, 2, 3, 4, 5]].any()
    np.testing.assert_array_equal(model.visited[:, 4], [True] * DEPTH)
    assert not model.visited[:, [3, 5]].any()
    assert not model.visited[0, 0]
    assert model.text((1, 0)) == "t=1, z=0: not found at this time point"
    assert model.text((3, 0)) == "t=3, z=0: not computed"
    assert model.text((0, 1)).startswith("t=0, z=1: has a mask, confidence")


def test_a_loss_along_z_is_shown_on_its_plane():
    model = VolumeMapModel(1, DEPTH, (0, 0), 1, {0: volume(9, 0, 9, 9)})
    np.testing.assert_array_equal(model.lost[:, 0], [False, True, False, False])
    assert "lost" in model.text((0, 1))


def test_prompts_and_no_object():
    model = VolumeMapModel(2, DEPTH, (0, 0), 1, {1: volume(-1, -1, -1, -1, prompted=(2,))})
    np.testing.assert_array_equal(np.argwhere(model.prompted), [[2, 1]])
    assert VolumeMapModel(2, DEPTH).text((1, 2)) == "t=1, z=2"
