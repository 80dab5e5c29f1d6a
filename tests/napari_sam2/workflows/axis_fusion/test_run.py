"""Several axes and interpolated planes from files to files: labels, resumed runs, refusals."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.session.storage.run_folder import RunFolder
from napari_sam2.tracking.axis_fusion.plan import InterpolatedPlanes
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.run import run_segmentation
from napari_sam2.workflows.tracking.divisions import DivisionMode
from tests.helpers.fakes import FakePredictor
from tests.helpers.volume_series import moving_balls

SHAPE = (9, 40, 56)
THREE = "z,y,x"
BALLS = moving_balls((1, *SHAPE), [(4, 18, 16), (4, 20, 40)], [(0, 0, 0)] * 2, 9, 3.5)
IMAGE, LABELS = BALLS.image[0], BALLS.labels[0]
PROMPTS = {
    "version": 1,
    "axis": "z",
    "objects": [
        {"id": 1, "points": [{"frame": 4, "yx": [18, 16], "label": 1}]},
        {"id": 2, "points": [{"frame": 3, "yx": [20, 40], "label": 1}]},
    ],
}


def objects_at(center: tuple[int, int, int]) -> dict[str, Any]:
    """Return an object with a click at (z, y, x)."""
    z, y, x = center
    return {"id": 1, "points": [{"frame": z, "yx": [y, x], "label": 1}]}


class Killed(BaseException):
    """Stands for the end of the process."""


class StoppingReporter:
    """Records messages and progress; cancels a run, or ends it at once, after some planes."""

    def __init__(self, cancel_at: int | None = None, kill_at: int | None = None) -> None:
        self.cancel_at, self.kill_at = cancel_at, kill_at
        self.messages: list[str] = []
        self.done: list[int] = []
        self._cancel: Callable[[], object] = lambda: None

    def message(self, text: str) -> None:
        self.messages.append(text)

    @contextmanager
    def running(self, cancel: Callable[[], object] | None = None) -> Iterator[None]:
        assert cancel is not None
        self._cancel = cancel
        yield

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self.done.append(done)
        assert total is None or done <= total
        if len(self.done) == self.kill_at:
            raise Killed
        if len(self.done) == self.cancel_at:
            self._cancel()


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())


def job_on(
    folder: Path, image: NDArray[Any] = IMAGE, prompts: Any = PROMPTS, **options: Any
) -> SegmentationJob:
    np.save(folder / "volume.npy", image)
    (folder / "prompts.json").write_text(json.dumps(prompts))
    return SegmentationJob(
        source=folder / "volume.npy",
        prompts=folder / "prompts.json",
        output=folder / "labels.zarr",
        **({"axes": "ZYX", "along": THREE} | options),
    )


def labels_of(job: SegmentationJob) -> NDArray[Any]:
    return np.asarray(zarr.open_array(job.output, mode="r")[...])


def check_agreement(found: NDArray[Any]) -> None:
    """Check that labels are the true ones but for single pixels at the tips of the balls."""
    assert np.mean(found[LABELS > 0] == LABELS[LABELS > 0]) > 0.99
    assert not found[LABELS == 0].any()


def test_objects_are_followed_along_three_axes(tmp_path: Path) -> None:
    job = job_on(tmp_path, scores=tmp_path / "scores.csv")
    reporter = StoppingReporter()
    assert run_segmentation(job, reporter).ending is RunEnding.DONE
    found = labels_of(job)
    check_agreement(found)
    assert reporter.done == sorted(reporter.done)
    assert "2. Along y from cross-sections of the masks along z." in reporter.messages
    assert any("voxels are taken to be cubes" in text for text in reporter.messages)
    assert job.scores is not None
    with job.scores.open() as file:
        rows = list(csv.DictReader(file))
    areas = {(int(r["frame"]), int(r["object_id"])): int(r["area"]) for r in rows}
    assert len(areas) == len(rows) == SHAPE[0] * 2
    assert all(np.sum(found[z] == o) == area for (z, o), area in areas.items())


def test_one_time_point_of_a_series_and_one_channel(tmp_path: Path) -> None:
    series = np.full((2, 2, *SHAPE), 20, np.uint8)
    series[1, 1] = IMAGE
    options = {"axes": "TCZYX", "at": ("t=1",), "channels": (1,)}
    job = job_on(tmp_path, series, **options)
    assert run_segmentation(job).ending is RunEnding.DONE
    found = labels_of(job)
    assert not found[0].any()
    check_agreement(found[1])


def test_interpolated_planes_are_dropped(tmp_path: Path) -> None:
    plain = job_on(tmp_path, along="z")
    run_segmentation(plain)
    job = replace(plain, interpolate=InterpolatedPlanes(3), output=tmp_path / "finer.zarr")
    reporter = StoppingReporter()
    assert run_segmentation(job, reporter).ending is RunEnding.DONE
    np.testing.assert_array_equal(labels_of(job), labels_of(plain))
    planes = (SHAPE[0] - 1) * 4 + 1
    assert len(reporter.done) > planes
    assert any("with 3 interpolated planes between two" in text for text in reporter.messages)


def test_the_distance_of_the_slices_is_that_of_the_file(tmp_path: Path) -> None:
    job = job_on(tmp_path, along="z", interpolate=InterpolatedPlanes())
    path = tmp_path / "volume.tif"
    metadata = {"axes": "ZYX", "spacing": 4.0, "unit": "um"}
    tifffile.imwrite(path, IMAGE, imagej=True, resolution=(1, 1), metadata=metadata)
    reporter = StoppingReporter()
    run_segmentation(replace(job, source=path, axes=None), reporter)
    assert any("with 3 interpolated planes between two" in text for text in reporter.messages)
    tifffile.imwrite(
        path, IMAGE, imagej=True, resolution=(1, 1), metadata=metadata | {"spacing": 2.0}
    )
    reporter = StoppingReporter()
    run_segmentation(replace(job, source=path, axes=None, overwrite=True), reporter)
    assert any("slices are 2 pixels apart, which is not more" in t for t in reporter.messages)
    reporter = StoppingReporter()
    three = replace(job, source=path, axes=None, overwrite=True, along=THREE, interpolate=None)
    run_segmentation(three, reporter)
    assert any("along y" in t.lower() and "1 interpolated row" in t for t in reporter.messages)


def stored_masks(job: SegmentationJob) -> list[tuple[Any, ...]]:
    """Return all fused masks of a run, with their logits and scores."""
    with RunFolder.open(OutputDestination.parse(job.output).run_folder) as folder:
        found = [folder.masks.get(i.object_id, i.index) for i in folder.masks.infos()]
    return [astuple(record) for record in found if record is not None]


@pytest.mark.parametrize(
    ("stop", "stops"),
    [
        # In the runs along z, y and x, and while masks are fused.
        ("kill_at", (6, 30, -24, -4)),
        pytest.param("kill_at", range(2, 80, 5), marks=pytest.mark.slow),
        pytest.param("cancel_at", (6, 30, -24, -4), marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_is_resumed_with_identical_masks(
    tmp_path: Path, stop: str, stops: Sequence[int]
) -> None:
    rng = np.random.default_rng(0)
    image = np.clip(IMAGE[:, 6:30, 2:30] + rng.normal(0, 25, (9, 24, 28)), 0, 255).astype(np.uint8)
    prompts = {"version": 1, "axis": "z", "objects": [objects_at((4, 12, 14))]}
    job = job_on(tmp_path, image, prompts)
    counter = StoppingReporter()
    run_segmentation(job, counter)
    labels, masks = labels_of(job), stored_masks(job)
    job = replace(job, output=tmp_path / "stopped.zarr")
    for at in stops:
        reporter = StoppingReporter(**{stop: at % len(counter.done)})
        try:
            ending = run_segmentation(replace(job, overwrite=True), reporter).ending
        except Killed:
            ending = RunEnding.INTERRUPTED
        assert ending is RunEnding.INTERRUPTED
        assert run_segmentation(replace(job, resume=True)).ending is RunEnding.DONE
        np.testing.assert_array_equal(labels_of(job), labels)
        assert stored_masks(job) == masks


def test_a_run_along_one_axis_is_not_resumed_along_three(tmp_path: Path) -> None:
    job = job_on(tmp_path)
    run_segmentation(job, StoppingReporter(cancel_at=4))
    for changed in ({"along": "z"}, {"interpolate": InterpolatedPlanes(2)}):
        with pytest.raises(UserError, match="Cannot resume"):
            run_segmentation(replace(job, resume=True, **changed))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": (0, 4)}, "--range cannot be used with --along z,y,x"),
        ({"refine": True}, "--refine cannot"),
        ({"divisions": DivisionMode.FLAG}, "--divisions cannot"),
        ({"direction": PropagationDirection.FORWARD}, "--direction forward cannot.*--along z"),
        ({"along": "z", "interpolate": InterpolatedPlanes()}, "distance of the slices is not"),
        ({"axes": "TYX"}, "needs a volume, but volume.npy has the axes TYX"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    job = job_on(tmp_path, **options)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=words):
        run_segmentation(job)
    assert sorted(tmp_path.iterdir()) == before


def test_planes_are_interpolated_along_z_only(tmp_path: Path) -> None:
    prompts = PROMPTS | {"axis": "y"}
    job = job_on(tmp_path, prompts=prompts, along="y", interpolate=InterpolatedPlanes(2))
    with pytest.raises(UserError, match=r"the frames of volume\.npy lie along y"):
        run_segmentation(job)
    with pytest.raises(UserError, match="count frames along y, but --along z,y,x needs"):
        run_segmentation(replace(job, along=THREE, interpolate=None))


def test_a_series_has_no_interpolated_planes(tmp_path: Path) -> None:
    options = {"axes": "TZYX", "along": "t,z", "interpolate": InterpolatedPlanes(2)}
    job = job_on(tmp_path, IMAGE[None], BALLS.prompts(), **options)
    with pytest.raises(UserError, match="--interpolate cannot be used with --along t,z"):
        run_segmentation(job)
