"""``segment --find like:ID``: examples and what looks like them become objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.candidates import everything
from napari_sam2.candidates.candidate import CandidateLimits
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import NullReporter, RunEnding
from napari_sam2.workflows.run import RunOutcome, run_segmentation
from tests.helpers.fakes import FakePredictor

SHAPE, FRAMES, SIDE = (96, 128), 8, 16
SQUARES = ((8, 8), (8, 40), (8, 72), (8, 104))
BARS = ((50, 10), (50, 60), (75, 10), (75, 60))
EXAMPLE, OTHER, UNLIKE = 7, 5, 3
NEWCOMER_FROM = 3
LIMITS = CandidateLimits(min_score=0.65)
"""With one mark of each kind, squares have scores of 0.76, and bars of 0.56 and less."""


def _images(squares: Sequence[tuple[int, int]] = SQUARES) -> np.ndarray:
    """Return squares, which get brighter, and bright bars, all at rest (T, H, W)."""
    images = np.full((FRAMES, *SHAPE), 20, np.uint8)
    for y, x in squares:
        images[:, y : y + SIDE, x : x + SIDE] = 120
    for y, x in BARS:
        images[:, y : y + 8, x : x + 40] = 220
    return images


def _labels(*frames: int) -> np.ndarray:
    """Return labels (T, H, W) of a square, another one and a bar on some frames."""
    labels = np.zeros((FRAMES, *SHAPE), np.uint16)
    for frame in frames:
        for label, (y, x) in ((EXAMPLE, SQUARES[0]), (OTHER, SQUARES[3])):
            labels[frame, y : y + SIDE, x : x + SIDE] = label
        (y, x) = BARS[0]
        labels[frame, y : y + 8, x : x + 40] = UNLIKE
    return labels


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SegmentationJob:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    monkeypatch.setattr(everything, "GRID_SIDE", 12)
    return job_on(tmp_path, _images(), _labels(0))


def job_on(
    folder: Path, images: np.ndarray, labels: np.ndarray, find: str = "like:7;not:3"
) -> SegmentationJob:
    for name, data in (("movie.tif", images), ("masks.tif", labels)):
        tifffile.imwrite(folder / name, data, metadata={"axes": "TYX"}, ome=False)
    return SegmentationJob(
        source=folder / "movie.tif",
        prompts=folder / "masks.tif",
        output=folder / "labels.tif",
        axes="TYX",
        labels_axes="TYX",
        find=SearchTarget.parse(find),
        limits=LIMITS,
    )


def middles(outcome: RunOutcome, frame: int, places: Any, width: int) -> list[int]:
    """Return the labels in the middle of objects."""
    assert outcome.ending is RunEnding.DONE
    plane = tifffile.imread(outcome.output)[frame]
    return [int(plane[y + 4, x + width // 2]) for y, x in places]


def test_examples_and_what_looks_like_them_become_objects(job: SegmentationJob) -> None:
    outcome = run_segmentation(job)
    assert outcome.objects == 4
    for frame in (0, FRAMES - 1):
        squares = middles(outcome, frame, SQUARES, SIDE)
        assert squares[0] == EXAMPLE
        assert sorted(squares) == [7, 8, 9, 10]
        assert middles(outcome, frame, BARS, 40) == [0, 0, 0, 0]
    assert "3 objects found on frame 0 beside the examples." in outcome.messages
    assert any(text.startswith("Object 5 of the prompts is left out") for text in outcome.messages)


def test_a_counter_example_never_becomes_an_object(job: SegmentationJob) -> None:
    limits = CandidateLimits(min_score=0.05)
    outcome = run_segmentation(replace(job, find=SearchTarget.parse("like:7;not:5"), limits=limits))
    assert middles(outcome, 0, SQUARES, SIDE)[3] == 0


def test_the_frame_of_the_examples_is_searched(job: SegmentationJob, tmp_path: Path) -> None:
    outcome = run_segmentation(job_on(tmp_path, _images(), _labels(4)))
    assert outcome.objects == 4
    assert "3 objects found on frame 4 beside the examples." in outcome.messages
    assert sorted(middles(outcome, 0, SQUARES, SIDE)) == [7, 8, 9, 10]
    within = replace(job_on(tmp_path, _images(), _labels(2, 4)), frames=(2, 6), overwrite=True)
    assert any("on frame 2 beside" in text for text in run_segmentation(within).messages)


def test_newcomers_are_like_the_examples(job: SegmentationJob, tmp_path: Path) -> None:
    images = _images()
    for y, x in SQUARES[2:]:
        images[:NEWCOMER_FROM, y : y + SIDE, x : x + SIDE] = 20
    labels = np.where(_labels(0) == OTHER, 0, _labels(0))
    outcome = run_segmentation(replace(job_on(tmp_path, images, labels), find_every=4))
    assert outcome.objects == 4
    assert any(text.startswith("2 newcomers found on frame 4") for text in outcome.messages)
    assert middles(outcome, 0, SQUARES, SIDE)[2:] == [0, 0]
    assert sorted(middles(outcome, 5, SQUARES, SIDE)) == [7, 8, 9, 10]
    assert middles(outcome, 5, BARS, 40) == [0, 0, 0, 0]


def test_a_frame_with_nothing_to_compare_has_no_newcomers(
    job: SegmentationJob, tmp_path: Path
) -> None:
    images = _images()
    images[4:] = 20
    outcome = run_segmentation(replace(job_on(tmp_path, images, _labels(0)), find_every=4))
    assert outcome.ending is RunEnding.DONE
    assert outcome.objects == 4


class _Canceling(NullReporter):
    """Cancels the run after the first frame."""

    def running(self, cancel: Any = None) -> Any:
        self._cancel = cancel
        return super().running(cancel)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if stage == "Segmenting" and done == 1:
            self._cancel()


def test_a_run_is_resumed_with_equal_examples_only(job: SegmentationJob) -> None:
    whole = replace(job, output=job.output.with_name("whole.tif"))
    run_segmentation(whole)
    assert run_segmentation(job, _Canceling()).ending is RunEnding.INTERRUPTED
    again = replace(job, resume=True)
    before = job.prompts.read_bytes()
    changed = _labels(0)
    changed[0, 50, 10] = 0
    tifffile.imwrite(job.prompts, changed, metadata={"axes": "TYX"}, ome=False)
    with pytest.raises(UserError, match="examples was"):
        run_segmentation(again)
    job.prompts.write_bytes(before)
    outcome = run_segmentation(again)
    assert outcome.ending is RunEnding.DONE
    np.testing.assert_array_equal(tifffile.imread(job.output), tifffile.imread(whole.output))


def test_ids_of_newcomers_above_those_of_examples_fit_the_labels(
    job: SegmentationJob, tmp_path: Path
) -> None:
    labels = _labels(0)
    labels[labels == EXAMPLE] = 65530
    chosen = replace(job_on(tmp_path, _images(), labels, "like:65530;not:3"), find_every=4)
    run_segmentation(chosen)
    assert tifffile.imread(chosen.output).dtype == np.uint32
    with pytest.raises(UserError, match="PNG files hold object ids up to 65535"):
        run_segmentation(replace(chosen, output=tmp_path / "l.png"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompts": None}, "add --prompts FILE"),
        ({"labels_as": LabelPromptKind.BOX}, "--labels-as box makes none"),
        ({"find": SearchTarget.parse("like:9")}, "no object 9"),
        ({"find": SearchTarget.parse("like:7;not:9")}, "no object 9"),
        ({"limits": CandidateLimits(max_objects=1)}, "leaves no room"),
        ({"limits": CandidateLimits(min_area=9000)}, "fits like:7;not:3 beside the examples"),
        ({"frames": (2, 6)}, "outside the range 2:6"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    job: SegmentationJob, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(UserError, match=words):
        run_segmentation(replace(job, **options))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        (_labels(0) * (_labels(0) != OTHER) + _labels(3) * (_labels(3) == OTHER), {}, "no common"),
        (_labels(0, 3), {"find_every": 4}, "object 5 has prompts on frame 3"),
        (_labels(3), {"find_every": 4}, "--range 3:"),
    ],
)
def test_masks_on_frames_that_do_not_fit_are_refused(
    job: SegmentationJob, tmp_path: Path, labels: np.ndarray, options: Any, words: str
) -> None:
    chosen = job_on(tmp_path, _images(), labels, "like:5,7")
    with pytest.raises(UserError, match=words.replace("no common", "masks on different frames")):
        run_segmentation(replace(chosen, **options))
    assert not chosen.output.exists()


def test_the_limit_of_objects_counts_examples(job: SegmentationJob) -> None:
    outcome = run_segmentation(replace(job, limits=replace(LIMITS, max_objects=2)))
    assert outcome.objects == 2
    assert EXAMPLE in np.unique(tifffile.imread(outcome.output))


@pytest.mark.slow
def test_squares_are_found_by_the_real_model(
    job: SegmentationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: load_predictor("micro", "cpu"))
    direction = PropagationDirection.FORWARD
    outcome = run_segmentation(replace(job, frames=(0, 2), direction=direction))
    squares, bars = (middles(outcome, 1, p, w) for p, w in ((SQUARES, SIDE), (BARS, 40)))
    assert all(squares)
    assert squares[0] == EXAMPLE
    assert bars[0] == 0
