from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.review import TrackReview
from napari_sam2.analysis.run_summary import ObjectRun, RunSummary
from napari_sam2.masks.scores import confidences
from tests.helpers.scenes import click, movie, session_of, straight
from tests.helpers.score_rows import score_row, track_rows


def _run(areas, object_id=1, frames=None, iou=0.9):
    rows = track_rows(areas, object_id=object_id, iou=iou)
    track = TrackReview.of(object_id, rows, len(areas))
    return ObjectRun.of(track, range(len(areas)) if frames is None else frames)


def _summary(*runs, along="t", model="tiny"):
    return RunSummary(tuple(runs), along, model)


def test_a_track_that_loses_its_object():
    rows = [score_row(f, 100, 0.28 if f == 12 else 0.9) for f in range(30)]
    rows += [score_row(f, 0) for f in range(30, 37)]
    lowest = float(np.min(confidences(rows)[:30]))
    summary = _summary(ObjectRun.of(TrackReview.of(3, rows, 37), range(37)))
    assert summary.text == (
        "Object 3: found on 30 of 37 frames, lost after 29, "
        f"lowest confidence {lowest:.2f} on frame 12."
    )
    assert summary.worst is not None
    assert (summary.worst.object_id, summary.worst.worst) == (3, 12)


def test_along_an_axis_of_space_an_object_ends():
    text = _summary(_run([0, 100, 100, 0, 0]), along="z").text
    assert text.startswith("Object 1: found on 2 of 5 frames, from 1 to 2, lowest confidence")


def test_gaps_are_listed():
    run = _run([100, 0, 100, 0, 0, 0, 0, 0, 0, 100, 0])
    assert run.lost == (1, 3, 4, 5, 6, 7, 8)
    assert "lost on 1, 3, 4, 5, 6 and 2 more, lost after 9" in _summary(run).text


def test_only_the_frames_of_the_run_count():
    run = _run([100, 100, 0, 100, 100], frames=[3, 4])
    assert (run.n_frames, run.n_found, run.lost, run.lost_before) == (2, 2, (), False)


def test_an_object_that_is_never_found_has_no_worst_frame():
    summary = _summary(_run([0, 0]))
    assert summary.text == "Object 1: not found on any of 2 frames."
    assert summary.worst is None


def test_several_objects():
    runs = [_run([100] * 4, 1), _run([100, 100, 0, 0], 2, iou=0.5), _run([0] * 4, 7)]
    text = _summary(*runs).text
    assert text.startswith("3 objects on 4 frames; not found: 7; lost on some frames: 2. Lowest")
    assert "on object 2, frame" in text
    assert "2 objects on 4 frames, none lost." in _summary(runs[0], _run([100] * 4, 2)).text


def test_a_run_without_objects_has_no_text():
    assert _summary().text == ""
    assert _summary().advice == ""


@pytest.mark.parametrize(
    ("iou", "model", "advised"), [(0.4, "micro", True), (0.9, "micro", False), (0.4, "tiny", False)]
)
def test_another_model_is_recommended_where_micro_is_unsure(iou, model, advised):
    assert bool(_summary(_run([100] * 5, iou=iou), model=model).advice) is advised


def test_the_summary_of_a_session():
    path = straight((30, 20), (2, 3), 6)
    path[4:] = np.nan
    session = session_of(movie((96, 128), [path]), [click(1, 0, path)])
    computed = {1: [result.frame for result in session.propagate()]}
    summary = RunSummary.of(session, computed)
    assert summary.text.startswith("Object 1: found on 4 of 6 frames, lost after 3, lowest")
    assert (summary.along, summary.model) == ("t", "fake")
    assert summary.worst is not None
    assert summary.worst_plane == (summary.worst.worst,)
