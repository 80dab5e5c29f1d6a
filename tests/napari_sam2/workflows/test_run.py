"""Segmentation jobs without the command line: outcomes, messages, progress, cancellation."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.run import run_segmentation
from tests.helpers.command import FRAMES, RunFiles
from tests.helpers.fakes import FakePredictor


class CancelingReporter:
    """Records what it receives, and cancels after a number of frames."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.cancel_at = cancel_at
        self.messages: list[str] = []
        self.steps: list[tuple[str, int, int | None]] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    @contextmanager
    def running(self, cancel: Callable[[], object] | None = None) -> Iterator[None]:
        self.cancel = cancel
        yield

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self.steps.append((stage, done, total))
        if done == self.cancel_at:
            self.cancel()


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SegmentationJob:
    monkeypatch.setattr(loading, "load_predictor", lambda model, device: FakePredictor())
    files = RunFiles(tmp_path).create_files()
    return SegmentationJob(
        source=files.movie,
        prompts=files.prompts,
        output=tmp_path / "labels.tif",
        scores=tmp_path / "scores.csv",
    )


def test_a_finished_run(job: SegmentationJob, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_segmentation(job)
    assert outcome.ending is RunEnding.DONE
    assert (outcome.objects, outcome.output, outcome.scores) == (2, job.output, job.scores)
    assert outcome.done == outcome.total > len(FRAMES)
    assert outcome.error == ""
    assert outcome.refined == {}
    assert any("Model fake on cpu" in text for text in outcome.messages)
    assert set(np.unique(tifffile.imread(job.output))) == {0, 1, 2}
    assert job.scores is not None
    assert len(job.scores.read_text().splitlines()) == 1 + 2 * len(FRAMES)
    assert capfd.readouterr() == ("", "")


def test_messages_and_progress_are_reported(job: SegmentationJob) -> None:
    reporter = CancelingReporter()
    outcome = run_segmentation(replace(job, refine=True), reporter)
    assert tuple(reporter.messages) == outcome.messages
    assert reporter.steps[0] == ("Segmenting", 0, None)
    assert reporter.steps[-1] == ("Segmenting", outcome.done, outcome.total)
    assert sum(outcome.refined.values()) == 2 * len(FRAMES)


def test_a_canceled_run_can_be_resumed(job: SegmentationJob) -> None:
    outcome = run_segmentation(job, CancelingReporter(cancel_at=5))
    assert outcome.ending is RunEnding.INTERRUPTED
    assert outcome.done == 5 < outcome.total
    assert not job.output.exists()
    assert run_segmentation(replace(job, resume=True)).ending is RunEnding.DONE
    resumed = tifffile.imread(job.output)
    assert run_segmentation(replace(job, overwrite=True)).ending is RunEnding.DONE
    np.testing.assert_array_equal(resumed, tifffile.imread(job.output))


def test_a_full_disk_stops_the_run(job: SegmentationJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LabelArray, "refresh", full)
    outcome = run_segmentation(job)
    assert outcome.ending is RunEnding.STOPPED_PART_WAY
    assert "No space left" in outcome.error


@pytest.mark.parametrize(
    ("frames", "message"), [((5, 5), "empty"), ((-1, 5), "empty"), ((0, 21), "20 frames")]
)
def test_a_wrong_range_is_refused(
    job: SegmentationJob, frames: tuple[int, int], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run_segmentation(replace(job, frames=frames))
    assert not job.output.with_name("labels.tif.sam2").exists()


def test_a_range_without_a_stop_reaches_the_end(job: SegmentationJob) -> None:
    run_segmentation(replace(job, frames=(2, None)))
    labels = tifffile.imread(job.output)
    assert not labels[:2].any()
    assert labels[-1].any()
