from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.masks.scores import ObjectProgress, ScoreTable, confidences, track_confidence
from tests.helpers.score_rows import score_row, track_rows

unit = st.floats(0, 1)
logit = st.floats(-100, 100)
computed = st.lists(
    st.tuples(st.integers(0, 40), unit, logit, st.integers(0, 10**6), st.booleans()),
    unique_by=lambda row: row[0],
    max_size=20,
).map(sorted)


@given(computed)
def test_confidence_lies_between_0_and_1(rows):
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 5
    confidence = track_confidence(*columns)
    assert confidence.shape == (len(rows),)
    assert np.all((confidence >= 0) & (confidence <= 1))


@given(computed.filter(bool), unit)
def test_confidence_increases_with_the_predicted_iou(rows, added):
    frames, iou, score, area, prompted = zip(*rows, strict=True)
    better = np.minimum(np.array(iou) + added, 1)
    before = track_confidence(frames, iou, score, area, prompted)
    assert np.all(track_confidence(frames, better, score, area, prompted) >= before)


@given(computed.filter(bool))
def test_confidence_does_not_depend_on_the_size_of_the_pixels(rows):
    frames, iou, score, area, prompted = zip(*rows, strict=True)
    small = track_confidence(frames, iou, score, area, prompted)
    large = track_confidence(frames, iou, score, np.array(area) * 4, prompted)
    np.testing.assert_allclose(small, large)


def test_steady_growth_is_no_change_and_a_jump_is():
    steady = confidences(track_rows([100, 110, 120, 130, 140]))
    jump = confidences(track_rows([100, 110, 240, 130, 140]))
    assert np.allclose(steady[1:-1], steady[1])
    assert jump[2] < 0.6 * steady[2]


def test_areas_on_frames_that_are_not_neighbors_are_not_compared():
    apart = confidences([score_row(0, 100), score_row(5, 1000), score_row(9, 3)])
    assert np.allclose(apart, apart[0])


def test_masks_from_prompts_are_not_compared_with_tracked_ones():
    rows = track_rows([100, 100, 900, 100])
    rows[2] = score_row(2, 900, 1.0, origin=MaskOrigin.PROMPT)
    assert confidences(rows)[2] > 0.99


def test_an_empty_mask_has_the_confidence_that_the_object_is_absent():
    sure, unsure = confidences([score_row(0, 0), score_row(2, 0, object_score=-0.5)])
    assert sure > 0.99
    assert 0.5 < unsure < 0.7


def test_the_worst_mask_has_the_lowest_confidence_of_those_with_a_mask():
    rows = [score_row(0), score_row(1, iou=0.4), score_row(2, 0, object_score=-0.1)]
    progress = ObjectProgress.from_rows(rows)
    assert (progress.frames, progress.worst_index) == (2, (1,))
    assert progress.worst == pytest.approx(confidences(rows)[1])


def test_status_of_a_row():
    status = [MaskStatus.DRAFT, MaskStatus.FINAL, MaskStatus.ACCEPTED, MaskStatus.LOCKED]
    rows = [score_row(0, status=each) for each in status]
    assert [row.accepted for row in rows] == [False, False, True, True]
    assert [row.locked for row in rows] == [False, False, False, True]


def test_the_version_of_an_object_changes_with_its_rows_only():
    table = ScoreTable()
    versions = [table.version(1)]
    for change in (
        lambda: table.add(score_row(0)),
        lambda: table.add(score_row(0, iou=0.5)),
        lambda: table.drop(1, 0),
        lambda: table.drop(1),
    ):
        change()
        versions.append(table.version(1))
    assert len(set(versions)) == len(versions)
    assert table.version(2) == 0
