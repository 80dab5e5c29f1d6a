"""``segment --find-every``: objects that are found while a run advances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_sam2.candidates.candidate import CandidateLimits
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.inference.text_detector import Detection
from napari_sam2.session.storage.run_folder import RunFolder
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows import prompt_source
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import NullReporter, RunEnding
from napari_sam2.workflows.run import RunOutcome, run_segmentation
from napari_sam2.workflows.search import plane_search
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight

FRAMES = 16
SHAPE = (96, 96)
SLOW = pytest.mark.slow


class BrightSpots:
    """Detects bright spots instead of phrases."""

    def detect(self, image: np.ndarray, phrase: str, min_score: float) -> tuple[Detection, ...]:
        spots, _ = ndimage.label(image[..., 0] > 100)
        boxes = ndimage.find_objects(spots)
        return tuple(
            Detection((rows.start - 1, columns.start - 1, rows.stop, columns.stop), 0.9)
            for rows, columns in boxes
        )


class Canceling(NullReporter):
    """Cancels when the progress of a stage reaches a number for the n-th time."""

    def __init__(self, stage: str, done: int, times: int = 1) -> None:
        self.at, self.left = (stage, done), times

    @contextmanager
    def running(self, cancel: Callable[[], object] | None = None) -> Iterator[None]:
        self.cancel = cancel
        yield

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self.left -= (stage, done) == self.at
        if self.left == 0 and self.cancel is not None:
            self.left = -1
            self.cancel()


def scene() -> np.ndarray:
    """One disc that stays, one that enters at frame 2, and one that appears on frame 9."""
    appears = straight((70, 60), (0, 0), FRAMES)
    appears[:9] = np.nan
    return movie(
        SHAPE, [straight((20, 30), (0, 1), FRAMES), straight((48, -12), (0, 4), FRAMES), appears]
    )


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SegmentationJob:
    use_fakes(monkeypatch)
    return job_on(tmp_path, scene())


def use_fakes(patch: pytest.MonkeyPatch) -> None:
    """Let jobs use a model and a detector that find bright spots."""
    patch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    patch.setattr(plane_search, "load_text_detector", lambda *_: BrightSpots())


def job_on(
    folder: Path, images: np.ndarray, axes: str = "TYX", **options: object
) -> SegmentationJob:
    source = folder / "movie.tif"
    tifffile.imwrite(source, images, metadata={"axes": axes}, ome=False)
    chosen = {"find": SearchTarget.parse("text:spot"), "find_every": 5, "axes": axes, **options}
    return SegmentationJob(
        source=source, output=folder / "labels.tif", scores=folder / "scores.csv", **chosen
    )


def labels_of(outcome: RunOutcome) -> np.ndarray:
    assert outcome.ending is RunEnding.DONE
    return tifffile.imread(outcome.output)


def test_newcomers_are_tracked_both_ways(job: SegmentationJob) -> None:
    outcome = run_segmentation(job)
    labels, truth = labels_of(outcome), scene() > 100
    assert np.mean((labels > 0) == truth) > 0.995
    assert outcome.objects == 3
    visible = {i: np.flatnonzero((labels == i).any((1, 2))) for i in (1, 2, 3)}
    assert list(visible[1]) == list(range(FRAMES))
    assert visible[2][0] <= 3
    assert list(visible[3]) == list(range(9, FRAMES))
    assert "1 newcomer found on frame 5: object 2." in outcome.messages
    assert "1 newcomer found on frame 10: object 3." in outcome.messages
    assert (
        "Of 3 objects 1 entered at the border, 0 began at another object, 1 appeared inside; "
        "0 left at the border, 0 were lost inside."
    ) in outcome.messages


@pytest.mark.parametrize(
    ("stage", "done", "times"),
    [
        pytest.param("Segmenting", 3, 1, marks=SLOW),
        pytest.param("Segmenting", 5, 1, marks=SLOW),
        pytest.param("Segmenting", 6, 1, marks=SLOW),
        pytest.param("Searching", 1, 2, marks=SLOW),
        pytest.param("Segmenting", 6, 2, marks=SLOW),
        ("Searching", 1, 3),
        pytest.param("Segmenting", 13, 1, marks=SLOW),
        pytest.param("Segmenting", 20, 1, marks=SLOW),
    ],
)
def test_a_run_that_was_canceled_anywhere_is_resumed_exactly(
    job: SegmentationJob, uninterrupted: tuple[np.ndarray, str], stage: str, done: int, times: int
) -> None:
    assert run_segmentation(job, Canceling(stage, done, times)).ending is RunEnding.INTERRUPTED
    resumed = run_segmentation(replace(job, resume=True))
    labels, scores = uninterrupted
    np.testing.assert_array_equal(labels_of(resumed), labels)
    assert job.scores is not None
    assert job.scores.read_text() == scores


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, str]:
    """Labels and scores of the whole run."""
    with pytest.MonkeyPatch.context() as patch:
        use_fakes(patch)
        job = job_on(tmp_path_factory.mktemp("whole"), scene())
        labels = labels_of(run_segmentation(job))
    assert job.scores is not None
    return labels, job.scores.read_text()


def test_a_crash_after_a_search_repeats_it(
    job: SegmentationJob, uninterrupted: tuple[np.ndarray, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise OSError("the machine is switched off")

    with monkeypatch.context() as broken:
        broken.setattr(RunFolder, "save_search", crash)
        assert run_segmentation(job).ending is RunEnding.STOPPED_PART_WAY
    np.testing.assert_array_equal(
        labels_of(run_segmentation(replace(job, resume=True))), uninterrupted[0]
    )


def test_an_interrupted_run_is_not_resumed_with_other_searches(job: SegmentationJob) -> None:
    assert run_segmentation(job, Canceling("Segmenting", 8)).ending is RunEnding.INTERRUPTED
    with pytest.raises(UserError, match="find_every was 5, now 4"):
        run_segmentation(replace(job, resume=True, find_every=4))


def test_a_newcomer_begins_where_it_parts_from_another_object(
    job: SegmentationJob, tmp_path: Path
) -> None:
    left, right = straight((40, 46), (0, 0), FRAMES), straight((40, 46), (0, 0), FRAMES)
    left[4:] = straight((40, 44), (0, -1.5), FRAMES - 4)
    right[4:] = straight((40, 60), (0, 1.5), FRAMES - 4)
    images = movie(SHAPE, [left, right])
    outcome = run_segmentation(job_on(tmp_path, images))
    labels = labels_of(outcome)
    assert list(np.unique(labels[:4])) == [0, 1]
    assert list(np.unique(labels[5:])) == [0, 1, 2]
    np.testing.assert_array_equal(labels[:4] == 1, labels[:4] > 0)
    assert not any("has no mask" in text for text in outcome.messages)


@pytest.mark.slow
def test_newcomers_of_a_volume_are_tracked_both_ways(job: SegmentationJob, tmp_path: Path) -> None:
    upper, lower = straight((24, 24), (0, 0), FRAMES), straight((70, 60), (0, 0), FRAMES)
    upper[9:], lower[:7] = np.nan, np.nan
    outcome = run_segmentation(job_on(tmp_path, movie(SHAPE, [upper, lower]), "ZYX", along="z"))
    labels = labels_of(outcome)
    slices = [np.flatnonzero((labels == i).any((1, 2))) for i in (1, 2)]
    assert [list(s) for s in slices] == [list(range(9)), list(range(7, FRAMES))]
    assert not any("entered at the border" in text for text in outcome.messages)


@pytest.mark.parametrize("side", [4, 40])
def test_sizes_unlike_those_of_the_objects_need_limits(
    job: SegmentationJob, tmp_path: Path, side: int
) -> None:
    images = movie(SHAPE, [straight((20, 20), (0, 0), FRAMES)], radius=9)
    images[3:, 50 : 50 + side, 50 : 50 + side] = 200
    chosen = job_on(tmp_path, images)
    outcome = run_segmentation(chosen)
    assert outcome.objects == 1
    assert any(text.startswith("Newcomers have 0.1 to 4 times") for text in outcome.messages)
    limits = CandidateLimits(min_area=10, max_area=2000)
    assert run_segmentation(replace(chosen, limits=limits, overwrite=True)).objects == 2


def test_the_number_of_objects_is_limited_and_reported(job: SegmentationJob) -> None:
    outcome = run_segmentation(replace(job, limits=CandidateLimits(max_objects=2)))
    assert outcome.objects == 2
    assert set(np.unique(labels_of(outcome))) == {0, 1, 2}
    assert any("Frames from 10 on were not searched" in text for text in outcome.messages)


@pytest.mark.slow
def test_candidates_beyond_the_limit_are_reported(job: SegmentationJob, tmp_path: Path) -> None:
    paths = [straight((20, 20 + 25 * i), (0, 0), FRAMES) for i in range(3)]
    for path in paths[1:]:
        path[:4] = np.nan
    limited = job_on(tmp_path, movie(SHAPE, paths), limits=CandidateLimits(max_objects=2))
    outcome = run_segmentation(limited)
    assert outcome.objects == 2
    assert any("1 more candidates on frame 5 were left out" in t for t in outcome.messages)


def test_too_many_objects_are_refused_before_anything_is_written(
    job: SegmentationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_source, "MOST_OBJECTS", 1)
    paths = [straight((20, 20 + 25 * i), (0, 0), FRAMES) for i in range(3)]
    tifffile.imwrite(job.source, movie(SHAPE, paths))
    with pytest.raises(UserError, match=r"3 objects were found on frame 0.*--max-objects 3"):
        run_segmentation(job)
    assert not RunFolder.exists(job.output.with_name("labels.tif.sam2"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"find": None, "prompts": Path("clicks.json")}, "Add --find"),
        ({"find_every": 0}, "at least 1"),
        ({"find_every": 16}, "searches no frame after the first: the run has 16 frames"),
        ({"frames": (3, 7)}, "the run has 4 frames"),
        ({"direction": PropagationDirection.BACKWARD}, "backward"),
        ({"exclusion": False}, "needs exclusion"),
        (
            {"limits": CandidateLimits(max_objects=70000), "output": "png"},
            "PNG files hold object ids up to 65535",
        ),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    job: SegmentationJob, tmp_path: Path, options: dict[str, object], words: str
) -> None:
    chosen = {**options, **({"output": tmp_path / "l.png"} if "output" in options else {})}
    with pytest.raises(UserError, match=words):
        run_segmentation(replace(job, **chosen))
    assert [path.name for path in tmp_path.iterdir()] == ["movie.tif"]
