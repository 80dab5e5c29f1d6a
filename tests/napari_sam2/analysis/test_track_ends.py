"""Whether tracks begin and end at the border of the image, at another object, or inside."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.track_ends import TrackEnd, TrackExtent, extent_message, track_extents
from napari_sam2.session.session import SegmentationSession
from tests.helpers.scenes import movie, session_of, straight

SHAPE = (60, 80)
FRAMES = 8


def session_with(paths: list[np.ndarray]) -> SegmentationSession:
    """Return a session with one object along each path; nan is a frame without it."""
    made = session_of(movie(SHAPE, paths))
    for frame in range(FRAMES):
        labels = np.zeros(SHAPE, np.uint16)
        for number, path in enumerate(paths, 1):
            disc = movie(SHAPE, [path])[frame] > 100
            labels[disc & (labels == 0)] = number
        made.import_labels(frame, labels)
    return made


def only(path: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Return a path that exists on some frames only."""
    kept = path.copy()
    kept[:first], kept[stop:] = np.nan, np.nan
    return kept


def extent_of(path: np.ndarray, frames: tuple[int, int] = (0, FRAMES)) -> TrackExtent:
    made = session_with([path])
    [extent] = track_extents(made.masks, made.stack, frames)
    return extent


STILL = straight((30, 40), (0, 0), FRAMES)


@pytest.mark.parametrize(
    ("path", "begin", "end"),
    [
        (STILL, TrackEnd.OUTSIDE_RUN, TrackEnd.OUTSIDE_RUN),
        (only(STILL, 2, 6), TrackEnd.INSIDE, TrackEnd.INSIDE),
        (straight((30, -14), (0, 5), FRAMES), TrackEnd.BORDER, TrackEnd.OUTSIDE_RUN),
        (straight((30, 60), (0, 5), FRAMES), TrackEnd.OUTSIDE_RUN, TrackEnd.BORDER),
        # Gone between two frames, 12 pixels before the border, with steps of 16.
        (only(straight((30, 14), (0, 16), FRAMES), 0, 4), TrackEnd.OUTSIDE_RUN, TrackEnd.BORDER),
        # As near to the border, but slow.
        (only(straight((30, 59), (0, 1), FRAMES), 0, 4), TrackEnd.OUTSIDE_RUN, TrackEnd.INSIDE),
    ],
)
def test_a_track_begins_and_ends(path: np.ndarray, begin: TrackEnd, end: TrackEnd) -> None:
    extent = extent_of(path)
    assert (extent.begin, extent.end) == (begin, end)


def test_only_frames_of_the_run_count() -> None:
    extent = extent_of(STILL, (2, 5))
    assert (extent.first, extent.last) == (2, 4)
    assert (extent.begin, extent.end) == (TrackEnd.OUTSIDE_RUN, TrackEnd.OUTSIDE_RUN)


def test_a_track_that_parts_from_another_one_begins_there() -> None:
    left = STILL - np.array([0, 4]) * (np.arange(FRAMES) >= 3)[:, None]
    right = only(STILL + np.array([0, 4]), 3, FRAMES)
    made = session_with([left, right])
    mother, daughter = track_extents(made.masks, made.stack, (0, FRAMES))
    assert mother.begin is TrackEnd.OUTSIDE_RUN
    assert (daughter.first, daughter.begin) == (3, TrackEnd.OBJECT)
    assert extent_message([mother, daughter]) == (
        "Of 2 objects 0 entered at the border, 1 began at another object, 0 appeared inside; "
        "0 left at the border, 0 were lost inside."
    )
