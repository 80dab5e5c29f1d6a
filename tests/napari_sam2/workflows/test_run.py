"""Segmentation jobs without the command line: outcomes, messages, progress, cancellation."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.run import run_segmentation
from tests.helpers.command import FRAMES, RunFiles, point
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
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
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


def crossing(job: SegmentationJob) -> SegmentationJob:
    """Return the job with a second object that is prompted far off on the path of the first."""
    content = {"version": 1, "axis": "t", "objects": [point(1, 2), point(2, 15, path=0)]}
    job.prompts.write_text(json.dumps(content))
    return job


def test_a_run_from_before_exclusion_is_resumed_without_it(job: SegmentationJob) -> None:
    job = crossing(job)
    assert run_segmentation(replace(job, exclusion=False)).ending is RunEnding.DONE
    expected = tifffile.imread(job.output)
    job = replace(job, overwrite=True)
    run_segmentation(replace(job, exclusion=False), CancelingReporter(cancel_at=25))
    description = job.output.with_name(f"{job.output.name}.sam2") / "run.json"
    content = json.loads(description.read_text())
    assert content["settings"].pop("exclusion") is False
    description.write_text(json.dumps(content))
    outcome = run_segmentation(replace(job, resume=True, overwrite=False))
    assert outcome.ending is RunEnding.DONE
    assert "The earlier run let masks overlap, so it is resumed without exclusion." in (
        outcome.messages
    )
    np.testing.assert_array_equal(tifffile.imread(job.output), expected)


def test_excluded_objects_are_reported(job: SegmentationJob) -> None:
    found = run_segmentation(crossing(job))
    assert [text for text in found.messages if text.startswith("Object 2 has no mask on 1")]
    scores = job.scores.read_text().splitlines()
    assert any("excluded" in line for line in scores)
    without = run_segmentation(replace(job, overwrite=True, exclusion=False))
    assert not [text for text in without.messages if "has no mask on" in text]


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


def _prompts(job: SegmentationJob, text: str) -> SegmentationJob:
    path = job.prompts.with_name("clicks.csv")
    path.write_text("object_id,frame,y,x,label\n" + text)
    return replace(job, prompts=path)


@pytest.mark.parametrize("text", ["1,0,30,30,0\n", "1,0,30,30,1\n1,2,5,5,0\n"])
def test_only_clicks_outside_are_refused_before_anything_is_written(
    job: SegmentationJob, text: str
) -> None:
    with pytest.raises(UserError, match=r"Object 1 has only clicks outside on frame \d"):
        run_segmentation(_prompts(job, text))
    assert not list(job.output.parent.glob("labels*"))


def test_two_objects_at_one_place_are_reported(job: SegmentationJob) -> None:
    source = tifffile.imread(job.source)
    y, x = (int(i) for i in np.argwhere(source[0] > source[0].mean())[0])
    both = f"1,0,{y},{x},1\n2,0,{y},{x},1\n"
    outcome = run_segmentation(_prompts(job, both))
    assert any("Objects 1 and 2 overlap" in text for text in outcome.messages)
    alone = run_segmentation(replace(_prompts(job, f"1,0,{y},{x},1\n"), overwrite=True))
    assert not any("overlap" in text for text in alone.messages)


def test_notes_about_contrast_and_prompts_come_before_the_run(job: SegmentationJob) -> None:
    movie = tifffile.imread(job.source).astype("i2")
    movie[:, :3] = -32768
    source = job.source.with_name("filled.tif")
    tifffile.imwrite(source, movie, metadata={"axes": "TYX"})
    mask = job.source.with_name("mask.png")
    shown = np.clip(ndimage.gaussian_filter((movie[0] > 100) * 255.0, 1), 0, 255).astype("u1")
    Image.fromarray(shown).save(mask)
    outcome = run_segmentation(replace(job, source=source, prompts=mask))
    told = " ".join(outcome.messages)
    assert "-32768" in told
    assert "mask.png is a mask of two gray levels" in told
