"""Labels of other programs are scored as those of a model."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label
from skimage.metrics import contingency_table

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_image import LabelImage
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.factory import open_session
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.workflows.evaluation.comparison import GroundTruth
from napari_sam2.workflows.evaluation.ctc import track_scores
from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings, evaluate
from napari_sam2.workflows.evaluation.predicted import score_labels
from napari_sam2.workflows.reporter import RecordingReporter
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight

random_labels = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 4, (3, 6, 7)).astype(np.uint16)
)


def labels_of(array: np.ndarray) -> LabelImage:
    return LabelImage(array, "TYX")


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Return a movie of two discs and their labels 5 and 9."""
    paths = (straight((20, 20), (0, 2), 6), straight((60, 60), (0, 0), 6))
    labels = sum((movie((80, 96), [p]) > 100) * v for p, v in zip(paths, (5, 9), strict=True))
    return movie((80, 96), list(paths)), labels.astype(np.uint16)


def test_the_labels_of_a_session_score_as_the_model_that_made_them(scene) -> None:
    images, truth = scene
    stack = open_stack(images, axes="TYX")
    reference = GroundTruth(stack, labels_of(truth))
    prompts = reference.prompts(reference.prompt_frames(first=True), LabelPromptKind.CENTER)
    session = open_session(
        images, PromptStore(prompts, axis="t"), axes="TYX", model=FakePredictor()
    )
    list(session.propagate(PropagationRequest(direction=PropagationDirection.FORWARD)))
    made = np.stack([session.labels.read(stack.index(frame)) for frame in range(6)])
    expected = evaluate(images, labels_of(truth), FakePredictor(), axes="TYX")
    found = score_labels(labels_of(truth), labels_of(made))
    assert found.rows == expected.rows
    # The values of labels do not matter.
    other = np.select([made == 5, made == 9], [9, 70]).astype(np.uint16)
    assert score_labels(labels_of(truth), labels_of(other)).rows == expected.rows


@given(random_labels, random_labels)
@settings(max_examples=40, deadline=None)
def test_the_matches_have_the_highest_sum_of_ious(truth, predicted) -> None:
    found = score_labels(labels_of(truth), labels_of(predicted))
    shared = contingency_table(truth, predicted).toarray()
    shared = np.pad(shared, [(0, 4 - n) for n in shared.shape])
    sizes = shared.sum(1)[:, None] + shared.sum(0)[None] - shared
    ious = (shared / np.maximum(sizes, 1))[1:, 1:]
    best = max(sum(ious[a, b] for a, b in enumerate(order)) for order in permutations(range(3)))
    assert sum(ious[a - 1, b - 1] for a, b in found.matches.items()) == pytest.approx(best)
    assert len(set(found.matches.values())) == len(found.matches)


def test_average_precision_counts_missed_and_additional_objects() -> None:
    truth, predicted = np.zeros((2, 2, 20, 20), np.uint16)
    truth[0, :5, :5], truth[0, 10:15, :5], truth[0, 10:15, 10:15] = 1, 2, 3
    predicted[0, :5, :4], predicted[0, 10:15, 3:8], predicted[0, :3, 15:] = 8, 9, 4
    found = score_labels(labels_of(truth), labels_of(predicted))
    # IoU 0.8 is found, IoU 0.25 is not; the empty frame does not count.
    assert found.precision == pytest.approx(1 / 5)
    assert found.matches == {1: 8, 2: 9}
    assert found.additional == 1


def test_tracks_are_scored_by_all_labels(scene) -> None:
    pytest.importorskip("ctc_metrics")
    _, truth = scene
    predicted = truth.copy()
    predicted[3:][truth[3:] == 9] = 12
    predicted[:, :6, 80:90] = 4
    found = score_labels(labels_of(truth), labels_of(predicted), EvaluationSettings(tracks=True))
    assert found.tracks == track_scores(truth, predicted)
    assert found.tracks is not None
    assert found.tracks.tra < 1
    assert found.additional == 2


def test_labels_of_another_shape_are_refused(scene) -> None:
    _, truth = scene
    with pytest.raises(UserError, match="80"):
        score_labels(labels_of(truth), labels_of(truth[:, :70]))


@pytest.mark.parametrize(("value", "words"), [(-1, "holds -1"), (0.5, "fractions such as 0.5")])
def test_values_that_are_no_labels_are_refused(scene, value, words) -> None:
    _, truth = scene
    damaged = truth.astype(np.float32)
    damaged[0, 0, 0] = value
    for pair in ((damaged, truth), (truth, damaged)):
        with pytest.raises(UserError, match=words):
            score_labels(*map(labels_of, pair))


def test_labels_that_run_in_other_directions_than_the_ground_truth_are_refused(scene) -> None:
    _, truth = scene
    zyx = [2, 1, 0, 3]
    stated, turned, coarser = (
        np.diag(sizes)[:, zyx] for sizes in ((0.5, 0.7, 3, 1), (-0.5, 0.7, 3, 1), (1.0, 1, 3, 1))
    )
    reference = LabelImage(truth, "ZYX", affine=stated)
    with pytest.raises(UserError, match="prediction has other directions than the ground truth"):
        score_labels(reference, LabelImage(truth[..., ::-1], "ZYX", affine=turned))
    reporter = RecordingReporter(None)
    score_labels(reference, LabelImage(truth, "ZYX", affine=coarser), reporter=reporter)
    assert any("other voxel sizes than the ground truth" in text for text in reporter.messages)


def test_positions_on_other_axes_are_reported_and_can_be_chosen(scene) -> None:
    _, truth = scene
    series = np.stack([truth, truth], axis=1)
    other = series.copy()
    other[:, 1] = 0
    reporter = RecordingReporter(None)
    at_0 = score_labels(LabelImage(series, "TZYX"), LabelImage(other, "TZYX"), reporter=reporter)
    assert at_0.summary.dice == 1
    assert any("Axis z is fixed at 0 of 0..1" in text for text in reporter.messages)
    at_1 = score_labels(LabelImage(series, "TZYX"), LabelImage(other, "TZYX"), at=["z=1"])
    assert at_1.summary.dice == 0


def test_guessed_axes_are_reported(scene) -> None:
    _, truth = scene
    reporter = RecordingReporter(None)
    score_labels(LabelImage(truth), LabelImage(truth), reporter=reporter)
    assert any("read as TYX" in text for text in reporter.messages)


def test_one_plane_is_not_compared_with_all_frames(scene) -> None:
    _, truth = scene
    with pytest.raises(UserError, match="one plane, but the stack has 6 frames along t"):
        score_labels(labels_of(truth), LabelImage(truth[0]))


def test_values_beyond_those_of_signed_integers_are_matched(scene) -> None:
    _, truth = scene
    large = truth.astype(np.uint64) * np.uint64(2**60)
    found = score_labels(labels_of(large), labels_of(truth))
    assert found.matches == {5 * 2**60: 5, 9 * 2**60: 9}
    assert found.summary.dice == 1


def test_the_command(scene, tmp_path, capsys) -> None:
    _, truth = scene
    first, second = tmp_path / "truth.tif", tmp_path / "other.tif"
    tifffile.imwrite(first, truth, metadata={"axes": "TYX"})
    tifffile.imwrite(second, (truth > 6).astype(np.uint8), metadata={"axes": "TYX"})
    arguments = ["evaluate", "--labels", str(first), "--predicted", str(second)]
    assert run([*arguments, "--csv", str(tmp_path / "rows.csv")]) == ExitCode.DONE
    cells = [line.strip(" │").split("│") for line in capsys.readouterr().out.splitlines()]
    table = {row[0].strip(): row[1].strip() for row in cells if len(row) == 2}
    assert (table["AP at IoU 0.5"], table["Dice of whole objects"]) == ("0.500", "0.500")
    assert (table["objects"], table["objects with a match"]) == ("2", "1")
    assert (tmp_path / "rows.csv").read_text().count("\n") == 13
    assert run([*arguments, "--model", "micro", "--max-objects", "2"]) == ExitCode.BAD_INPUT
    assert "Omit --model, --max-objects" in " ".join(capsys.readouterr().err.split())
    assert run(arguments[:3]) == ExitCode.BAD_INPUT
    assert "--predicted" in capsys.readouterr().err


def test_real_nuclei_score_as_with_scikit_image(shared) -> None:
    folder = shared / "data/mouse_embryo_nuclei"
    image, truth = (
        tifffile.imread(folder / f"8_cell_stage_{part}.tif") for part in ("image", "masks")
    )
    smooth = gaussian(image.astype(np.float64), 1)
    predicted = label(smooth > threshold_otsu(smooth)).astype(np.uint16)
    found = score_labels(LabelImage(truth, "ZYX"), LabelImage(predicted, "ZYX"), along="z")

    shared_pixels, ious = pairs_of(truth, predicted)
    rows, columns = linear_sum_assignment(ious, maximize=True)
    sizes = np.bincount(truth.ravel())[1:], np.bincount(predicted.ravel())[1:]
    dices = 2 * shared_pixels[rows, columns] / (sizes[0][rows] + sizes[1][columns])
    assert found.summary.dice == pytest.approx(dices.mean())
    precisions = []
    for true_plane, plane in zip(truth, predicted, strict=True):
        hits = (pairs_of(true_plane, plane)[1] > 0.5).sum()
        count = sum(len(set(np.unique(each)) - {0}) for each in (true_plane, plane))
        precisions += [hits / (count - hits)] if count else []
    assert found.precision == pytest.approx(np.mean(precisions))


def pairs_of(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shared pixels and the IoU of all pairs of labels, by scikit-image."""
    table = contingency_table(truth, predicted).toarray()
    union = table.sum(1)[:, None] + table.sum(0)[None] - table
    return table[1:, 1:], (table / np.maximum(union, 1))[1:, 1:]
