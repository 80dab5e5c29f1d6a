from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.core.errors import UserError
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.workflows.evaluation.ctc import split_at_gaps, track_scores
from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings, PromptFrame, evaluate
from napari_sam2.workflows.evaluation.metrics import boundary_f, compare, summarize, write_csv
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight

masks = arrays(bool, (12, 14))


def square(y: int, x: int, side: int = 10, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[y : y + side, x : x + side] = True
    return mask


@given(masks, masks)
def test_iou_is_1_only_for_equal_masks(truth: np.ndarray, other: np.ndarray) -> None:
    row = compare(1, 0, truth, other, truth, prompted=False)
    assert (row.iou == 1.0) == np.array_equal(truth, other)
    assert 0 <= boundary_f(truth, other) <= 1
    assert boundary_f(truth, truth) == 1.0


def test_the_boundary_has_a_tolerance() -> None:
    assert boundary_f(square(10, 10), square(10, 11)) == 1.0
    assert boundary_f(square(10, 10), square(10, 16)) < 0.7
    assert boundary_f(square(10, 10), np.zeros((40, 50), bool)) == 0.0


def damaged(seed: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return an irregular mask, and the same moved and speckled."""
    rng = np.random.default_rng(seed)
    height, width = shape
    truth = np.zeros(shape, bool)
    for _ in range(6):
        y, x = rng.integers(0, height), rng.integers(0, width)
        truth[y : y + rng.integers(2, height // 2), x : x + rng.integers(2, width // 2)] ^= True
    moved = np.roll(truth, tuple(rng.integers(-3, 4, 2)), (0, 1))
    return truth, moved ^ (rng.random(shape) < 0.02 * (seed % 3))


@pytest.mark.parametrize(
    ("seed", "shape", "region", "boundary"),
    [
        # From vos_benchmark 0.1.0 (PyPI), whose figures are those of DAVIS's own evaluation.
        (0, (30, 40), 0.264705882, 0.701803666),
        (1, (30, 40), 0.565151515, 0.555660293),
        (2, (64, 48), 0.592741935, 0.482632541),
        (3, (64, 48), 0.879081016, 1.000000000),
        (4, (121, 213), 0.560966939, 0.229510581),
        (5, (121, 213), 0.624622204, 0.323789747),
        (6, (480, 854), 0.934108673, 0.936722751),
        (7, (480, 854), 0.814109729, 0.322899902),
    ],
)
def test_j_and_f_equal_those_of_a_library(
    seed: int, shape: tuple[int, int], region: float, boundary: float
) -> None:
    truth, predicted = damaged(seed, shape)
    row = compare(1, 0, truth, predicted, truth, prompted=False)
    assert row.iou == pytest.approx(region, abs=1e-9)
    assert row.boundary == pytest.approx(boundary, abs=1e-9)


def test_masks_without_contours_score_as_in_a_library() -> None:
    # From vos_benchmark 0.1.0 too.
    nothing, half = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    half[:, :9] = True
    whole = ~nothing
    assert boundary_f(whole, whole) == boundary_f(whole, nothing) == boundary_f(nothing, whole) == 1
    assert boundary_f(whole, half) == boundary_f(half, whole) == 0
    assert boundary_f(half, nothing) == boundary_f(nothing, half) == 0


def test_dice_includes_overrun_frames_and_j_excludes_first_and_last() -> None:
    here, nothing = square(10, 10), np.zeros((40, 50), bool)
    rows = [
        compare(1, 0, here, here, here, prompted=True),
        compare(1, 1, here, here, here, prompted=False),
        compare(1, 2, nothing, here, here, prompted=False),
        compare(1, 3, nothing, nothing, here, prompted=False),
    ]
    found = summarize(rows, 4)
    assert found.iou == found.copied == 1.0
    assert found.region == pytest.approx(0.5)
    assert found.dice == pytest.approx(2 * 200 / (200 + 300))
    assert found.absent_empty == pytest.approx(0.5)
    assert found.overrun == 1
    assert found.copied_dice == pytest.approx(1.0)


def test_dice_of_the_copied_mask_is_that_of_the_volume() -> None:
    first, moved = square(10, 10), square(10, 15)
    rows = [
        compare(1, 0, first, first, first, prompted=True),
        compare(1, 1, moved, moved, first, prompted=False),
    ]
    assert summarize(rows, 2).copied_dice == pytest.approx(2 * 150 / 400)


def test_nothing_to_average_is_nan() -> None:
    assert np.isnan(summarize([], 3).dice)


def test_perfect_tracks_score_one_and_swaps_are_counted() -> None:
    pytest.importorskip("ctc_metrics")
    truth = [square(5, 5) * 1 + square(25, 30) * 2 for _ in range(4)]
    perfect = track_scores(truth, truth)
    assert (perfect.seg, perfect.tra, perfect.switches) == (1.0, 1.0, 0)
    swapped = [*truth[:2], *(np.where(p > 0, 3 - p, 0) for p in truth[2:])]
    worse = track_scores(truth, swapped)
    assert worse.seg == 1.0
    assert worse.tra < 1.0
    assert worse.switches == 2
    with pytest.raises(UserError, match="at least one"):
        track_scores(truth, [p * 0 for p in truth])


def test_a_track_with_a_gap_becomes_parent_and_child() -> None:
    planes = [square(5, 5) * 7, square(5, 5) * 0, square(5, 5) * 7]
    numbered = list(split_at_gaps(planes))
    assert numbered[0][1] == {1: (7, 0)}
    assert numbered[2][1] == {2: (7, 1)}
    assert set(np.unique(numbered[2][0])) == {0, 2}


@pytest.fixture
def discs() -> tuple[np.ndarray, np.ndarray]:
    images = movie((64, 64), [straight((20, 20), (1, 1), 5), straight((45, 40), (0, -1), 5)])
    labels = np.zeros(images.shape, np.uint8)
    labels[images > 100] = 1
    labels[:, 34:][labels[:, 34:] > 0] = 2
    return images, labels


@pytest.mark.parametrize("prompt", list(LabelPromptKind))
def test_a_stack_is_prompted_from_its_labels_and_compared(discs, prompt: LabelPromptKind) -> None:
    pytest.importorskip("ctc_metrics")
    settings = EvaluationSettings(prompt=prompt, tracks=True)
    found = evaluate(*discs, FakePredictor(), settings, axes="TYX", along="t")
    assert {(row.object_id, row.frame) for row in found.rows} == {
        (k, t) for k in (1, 2) for t in range(5)
    }
    assert {row.frame for row in found.rows if row.prompted} == {0}
    assert found.summary.iou > 0.8
    assert found.tracks is not None
    assert found.tracks.switches == 0


def test_volumes_are_prompted_in_the_middle_and_propagated_in_both_directions(discs) -> None:
    images, labels = discs
    found = evaluate(images, labels, FakePredictor(), axes="ZYX", along="z")
    assert {row.frame for row in found.rows if row.prompted} == {2}
    assert {row.frame for row in found.rows} == set(range(5))
    assert found.tracks is None


def test_the_frame_and_the_number_of_objects_can_be_chosen(discs) -> None:
    settings = EvaluationSettings(frame=PromptFrame.MIDDLE, max_objects=1)
    found = evaluate(*discs, FakePredictor(), settings, axes="TYX", along="t")
    assert len({row.object_id for row in found.rows}) == 1
    assert [row.frame for row in found.rows if row.prompted] == [2]


def test_only_the_objects_of_the_first_frame_are_prompted(discs) -> None:
    images, labels = discs
    labels[0][labels[0] == 2] = 0
    settings = EvaluationSettings(frame=PromptFrame.START)
    found = evaluate(images, labels, FakePredictor(), settings, axes="TYX", along="t")
    assert {row.object_id for row in found.rows} == {1}
    assert [row.frame for row in found.rows if row.prompted] == [0]
    assert found.cost.encodings >= 5
    assert 0 <= found.cost.zoomed <= 1
    labels[0] = 0
    with pytest.raises(UserError, match="on the first frame"):
        evaluate(images, labels, FakePredictor(), settings, axes="TYX", along="t")


def test_labels_without_objects_or_of_another_shape_are_refused(discs) -> None:
    images, labels = discs
    with pytest.raises(UserError, match="no object"):
        evaluate(images, labels * 0, FakePredictor(), axes="TYX", along="t")
    with pytest.raises(UserError, match="shape"):
        evaluate(images, labels[:3], FakePredictor(), axes="TYX", along="t")


def test_the_table_is_written_row_by_row(discs, tmp_path: Path) -> None:
    found = evaluate(*discs, FakePredictor(), axes="TYX", along="t")
    write_csv(found.rows, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert float(rows[0]["iou"]) == pytest.approx(found.rows[0].iou, abs=1e-5)


@given(st.integers(1, 6))
def test_the_tolerance_grows_with_the_image(scale: int) -> None:
    first = square(10, 10, 10, (40 * scale, 50 * scale))
    moved = square(10, 10 + scale // 2, 10, (40 * scale, 50 * scale))
    assert boundary_f(first, moved) == 1.0
