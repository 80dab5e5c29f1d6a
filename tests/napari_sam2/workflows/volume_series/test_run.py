"""Series of volumes from files to files: labels, plans, resumed runs and refused inputs."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.masks.label_image import open_label_image
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.run import run_segmentation
from tests.helpers.fakes import FakePredictor
from tests.helpers.volume_series import NucleiSeries, Nucleus, draw, moving_balls

SHAPE = (5, 7, 48, 64)


class Killed(BaseException):
    """Stands for the end of the process."""


class StoppingReporter:
    """Records messages and progress; cancels a run, or ends it at once, after some frames."""

    def __init__(self, cancel_at: int | None = None, kill_at: int | None = None) -> None:
        self.cancel_at, self.kill_at = cancel_at, kill_at
        self.messages: list[str] = []
        self.calls = 0
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
        self.calls += 1
        self.done.append(done)
        assert total is None or done <= total
        if self.calls == self.kill_at:
            raise Killed
        if self.calls == self.cancel_at:
            self._cancel()


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())


def job_on(folder: Path, image: Any, prompts: dict[str, Any], **options: Any) -> SegmentationJob:
    np.save(folder / "series.npy", image)
    (folder / "prompts.json").write_text(json.dumps(prompts))
    return SegmentationJob(
        source=folder / "series.npy",
        prompts=folder / "prompts.json",
        output=folder / "labels.zarr",
        **({"axes": "TZYX", "along": "t,z"} | options),
    )


def labels_of(job: SegmentationJob) -> Any:
    return np.asarray(zarr.open_array(job.output, mode="r")[...])


@pytest.fixture
def series() -> NucleiSeries:
    """Two balls that move through all planes of their volumes."""
    return moving_balls(
        SHAPE, [(2.0, 14.0, 12.0), (4.0, 30.0, 50.0)], [(0.7, 1.5, 2.0), (-0.5, 1.0, -2.0)]
    )


def test_objects_are_followed_through_time_and_depth(tmp_path: Path, series: NucleiSeries) -> None:
    job = job_on(tmp_path, series.image, series.prompts(), scores=tmp_path / "scores.csv")
    outcome = run_segmentation(job)
    assert outcome.ending is RunEnding.DONE
    found = labels_of(job)
    assert found.shape == SHAPE
    for nucleus in series.nuclei:
        truth, mask = series.labels == nucleus.id, found == nucleus.id
        assert np.sum(truth & mask) / np.sum(truth | mask) > 0.7
    assert "1. t=0: objects 1, 2, along z from the prompts." in outcome.messages
    assert any(text.startswith("2. t=1 to 4, in increasing order") for text in outcome.messages)
    assert "2 objects found at 5 time points." in outcome.messages
    assert job.scores is not None
    with job.scores.open() as file:
        rows = list(csv.DictReader(file))
    areas = {(int(r["t"]), int(r["z"]), int(r["object_id"])): int(r["area"]) for r in rows}
    assert len(areas) == len(rows) == SHAPE[0] * SHAPE[1] * 2
    assert all(np.sum(found[t, z] == o) == area for (t, z, o), area in areas.items())


SLOW_FORMATS = [pytest.param(f"labels{e}", marks=pytest.mark.slow) for e in (".ome.zarr", ".png")]


@pytest.mark.parametrize("name", ["labels.tif", "labels.nii.gz", *SLOW_FORMATS])
def test_all_formats_hold_the_labels(tmp_path: Path, series: NucleiSeries, name: str) -> None:
    job = job_on(tmp_path, series.image[:2], series.prompts())
    run_segmentation(job)
    other = replace(job, output=tmp_path / name)
    assert run_segmentation(other).ending is RunEnding.DONE
    if name == "labels.png":
        assert len(list(other.output.iterdir())) == 2 * SHAPE[1]
        return
    image = open_label_image(other.output)
    values = np.asarray(image[...])
    if name.endswith(".nii.gz"):
        values = values.transpose([("XYZT").index(axis) for axis in "TZYX"])
    np.testing.assert_array_equal(values, labels_of(job))


def prompts_between(series: NucleiSeries) -> dict[str, Any]:
    """Return clicks at different time points, so that the run goes both ways in time."""
    objects = []
    for nucleus, time in zip(series.nuclei, (1, 3), strict=True):
        z, y, x = nucleus.centers[time]
        point = {"t": time, "z": round(z), "yx": [y, x], "label": 1}
        objects.append({"id": nucleus.id, "points": [point]})
    return {"version": 1, "objects": objects}


def test_prompts_at_several_time_points_reach_all_of_them(
    tmp_path: Path, series: NucleiSeries
) -> None:
    job = job_on(tmp_path, series.image, prompts_between(series))
    run_segmentation(job)
    found = labels_of(job)
    for nucleus in series.nuclei:
        assert all(np.any(found[t] == nucleus.id) for t in range(SHAPE[0]))
        inside = series.labels[found == nucleus.id]
        assert np.mean(inside == nucleus.id) > 0.9


@pytest.mark.parametrize(
    ("stop", "every"),
    [
        ("kill_at", 41),
        pytest.param("kill_at", 9, marks=pytest.mark.slow),
        pytest.param("cancel_at", 13, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_is_resumed_with_identical_labels(
    tmp_path: Path, series: NucleiSeries, stop: str, every: int
) -> None:
    job = job_on(tmp_path, series.image, prompts_between(series))
    counter = StoppingReporter()
    run_segmentation(job, counter)
    expected = labels_of(job)
    job = replace(job, output=tmp_path / "stopped.zarr")
    for at in range(2, counter.calls, every):
        reporter = StoppingReporter(**{stop: at})
        try:
            ending = run_segmentation(replace(job, overwrite=True), reporter).ending
        except Killed:
            ending = RunEnding.INTERRUPTED
        assert ending is RunEnding.INTERRUPTED
        assert run_segmentation(replace(job, resume=True)).ending is RunEnding.DONE
        np.testing.assert_array_equal(labels_of(job), expected)


class KilledWhileTracking(FakePredictor):
    """Ends the process at its n-th call that tracks."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.at = at
        self.n_calls = 0

    def track(self, *args: Any, **kwargs: Any) -> Any:
        self.n_calls += 1
        if self.n_calls == self.at:
            raise Killed
        return super().track(*args, **kwargs)


@pytest.mark.parametrize("every", [23, pytest.param(3, marks=pytest.mark.slow)])
def test_a_run_killed_while_it_looks_for_objects_is_resumed(tmp_path: Path, every: int) -> None:
    """An object is lost at one time point; the other one passes the planes where it was."""
    series = moving_balls((5, 5, 40, 56), [(2, 20, 14), (1, 20, 44)], [(0, 0, 0), (0.5, 0, -4)])
    image = series.image.copy()
    image[2][series.labels[2] == 1] = 20
    job = job_on(tmp_path, image, series.prompts())
    whole = KilledWhileTracking()
    run_segmentation(job, load=lambda *_: whole)
    expected = labels_of(job)
    assert not np.any(expected[2] == 1)
    assert all(np.any(expected[t] == 1) for t in (0, 1, 3, 4))
    job = replace(job, output=tmp_path / "stopped.zarr")
    for at in range(2, whole.n_calls, every):
        with pytest.raises(Killed):
            run_segmentation(
                replace(job, overwrite=True), load=lambda *_, at=at: KilledWhileTracking(at)
            )
        assert run_segmentation(replace(job, resume=True)).ending is RunEnding.DONE
        np.testing.assert_array_equal(labels_of(job), expected)


def test_changed_prompts_are_not_resumed(tmp_path: Path, series: NucleiSeries) -> None:
    job = job_on(tmp_path, series.image, series.prompts())
    run_segmentation(job, StoppingReporter(cancel_at=12))
    moved = prompts_between(series)
    (tmp_path / "prompts.json").write_text(json.dumps(moved))
    with pytest.raises(UserError, match="the prompts of object 1, 2 have changed"):
        run_segmentation(replace(job, resume=True))


def test_an_object_that_vanishes_returns(tmp_path: Path) -> None:
    series = moving_balls((5, 5, 40, 40), [(2, 20, 20)], [(0, 0, 0)])
    image = series.image.copy()
    image[2] = 20
    job = job_on(tmp_path, image, series.prompts())
    outcome = run_segmentation(job)
    found = labels_of(job)
    assert [bool(np.any(volume)) for volume in found] == [True, True, False, True, True]
    assert "1 object at 5 time points. Not found: object 1 at t=2." in outcome.messages


def test_an_object_that_returns_takes_no_pixels_of_one_that_was_there(tmp_path: Path) -> None:
    times = np.arange(2, 5)[:, None]
    daughters = [
        Nucleus(2, 2, np.array((3.0, 20, 22)) + (times - 2) * np.array((0, 0, -3)), (2.5, 5, 5)),
        Nucleus(3, 2, np.array((3.0, 20, 38)) + (times - 2) * np.array((0, 0, 3)), (2.5, 5, 5)),
    ]
    parent = Nucleus(1, 0, np.full((2, 3), (3.0, 20, 30)), (3.0, 7, 7))
    labels = draw((5, 7, 40, 60), (parent, *daughters))
    image = np.where(labels > 0, 200, 20).astype(np.uint8)
    series = NucleiSeries(image, labels, (parent, *daughters))
    job = job_on(tmp_path, image, series.prompts(), direction=PropagationDirection.FORWARD)
    run_segmentation(job)
    found = labels_of(job)
    assert [sorted(np.unique(volume)) for volume in found] == [[0, 1]] * 2 + [[0, 2, 3]] * 3
    assert np.mean(found[labels > 0] == labels[labels > 0]) > 0.9


def test_an_object_that_leaves_its_largest_plane_is_found_on_another(tmp_path: Path) -> None:
    series = moving_balls((3, 12, 40, 40), [(3, 20, 20)], [(3, 0, 0)])
    job = job_on(tmp_path, series.image, series.prompts())
    run_segmentation(job)
    np.testing.assert_array_equal([np.any(volume) for volume in labels_of(job)], [True, True, True])


def one_axis(series: NucleiSeries, along: str, clicks: list[tuple[int, int]]) -> dict[str, Any]:
    """Return clicks (object, frame) for a run along one axis."""
    objects: dict[int, dict[str, Any]] = {}
    for object_id, frame in clicks:
        center = series.nuclei[object_id - 1].centers[frame if along == "t" else 0]
        y, x = center[1:]
        point = {"frame": frame, "yx": [y, x], "label": 1}
        objects.setdefault(object_id, {"id": object_id, "points": []})["points"].append(point)
    return {"version": 1, "axis": along, "objects": list(objects.values())}


ONE_AXIS = {
    "along": st.sampled_from("tz"),
    "clicks": st.lists(st.tuples(st.integers(1, 2), st.integers(2, 5)), min_size=1, unique=True),
    "step": st.tuples(st.floats(-1, 1), st.floats(-2, 2)),
    "direction": st.sampled_from(PropagationDirection),
}


def check_one_axis(
    along: str,
    clicks: list[tuple[int, int]],
    step: tuple[float, float],
    direction: PropagationDirection,
) -> None:
    """Check that a series with one axis of length 1 gets the labels of a run along the other."""
    shape = (8, 1, 40, 60) if along == "t" else (1, 8, 40, 60)
    starts = [(3.0 * (along == "z"), 20.0, 16.0), (4.0 * (along == "z"), 22.0, 34.0)]
    series = moving_balls(shape, starts, [(0, *step), (0, -step[0], step[1])], 8, 3.5)
    with tempfile.TemporaryDirectory() as folder:
        prompts = one_axis(series, along, clicks)
        options = {"along": along, "direction": direction}
        job = job_on(Path(folder), series.image, prompts, **options)
        assert run_segmentation(job).ending is RunEnding.DONE
        both = replace(job, along="t,z", output=Path(folder) / "both.zarr")
        assert run_segmentation(both).ending is RunEnding.DONE
        np.testing.assert_array_equal(labels_of(both), labels_of(job))
        assert labels_of(job).any()


@settings(max_examples=3, deadline=None)
@given(**ONE_AXIS)
def test_an_axis_of_length_one_gives_the_run_along_the_other(
    along: str,
    clicks: list[tuple[int, int]],
    step: tuple[float, float],
    direction: PropagationDirection,
) -> None:
    check_one_axis(along, clicks, step, direction)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(**ONE_AXIS)
def test_it_does_for_many_movies(
    along: str,
    clicks: list[tuple[int, int]],
    step: tuple[float, float],
    direction: PropagationDirection,
) -> None:
    check_one_axis(along, clicks, step, direction)


def test_a_table_of_prompts(tmp_path: Path, series: NucleiSeries) -> None:
    job = job_on(tmp_path, series.image, series.prompts())
    run_segmentation(job)
    lines = ["object_id,t,z,y,x,label"]
    for nucleus in series.nuclei:
        t, z, (y, x) = nucleus.click
        lines.append(f"{nucleus.id},{t},{z},{y},{x},1")
    (tmp_path / "points.csv").write_text("\n".join(lines))
    layer = ["index,axis-0,axis-1,axis-2,axis-3,object_id"]
    for nucleus in series.nuclei:
        t, z, (y, x) = nucleus.click
        layer.append(f"0,{t},{z},{y},{x},{nucleus.id}")
    (tmp_path / "layer.csv").write_text("\n".join(layer))
    for name in ("points.csv", "layer.csv"):
        other = replace(job, prompts=tmp_path / name, output=tmp_path / f"{name}.zarr")
        run_segmentation(other)
        np.testing.assert_array_equal(labels_of(other), labels_of(job))


def test_a_label_image_of_the_series_as_prompts(tmp_path: Path, series: NucleiSeries) -> None:
    first = np.zeros(SHAPE, np.uint16)
    first[0, 2] = series.labels[0, 2]
    first[2, 4] = series.labels[2, 4]
    np.save(tmp_path / "first.npy", first)
    job = job_on(tmp_path, series.image, {}, labels_axes="TZYX")
    run_segmentation(replace(job, prompts=tmp_path / "first.npy"))
    found = labels_of(job)
    np.testing.assert_array_equal(found[0, 2], first[0, 2])
    assert all(np.any(volume) for volume in found)
    np.save(tmp_path / "volume.npy", first[0])
    job = replace(job, prompts=tmp_path / "volume.npy", labels_axes="ZYX", overwrite=True)
    with pytest.raises(UserError, match="no axis t: a series of volumes needs"):
        run_segmentation(job)


POINT = {"yx": [14, 12], "label": 1}


def objects(*points: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"version": 1, "objects": [{"id": 1, "points": list(points)}]} | fields


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (objects(POINT | {"z": 2}), "object 1 states no t.*needs the positions t and z"),
        (objects(POINT | {"frame": 2}, axis="z"), "object 1 states no t"),
        (objects(POINT | {"frame": 2}, axis="t"), "the key 'z' is missing: frames are counted"),
        (objects(POINT | {"t": 0}), "the key 'frame' is missing"),
        (objects(POINT | {"t": 5, "z": 2}), "t=5, but the time points are 0 to 4"),
        (objects(POINT | {"t": -1, "z": 2}), "t=-1, but the time points are"),
        (objects(POINT | {"t": 0, "z": 7}), "At t=0, .* frames are 0 to 6"),
        (objects(POINT | {"t": 1, "z": 2, "yx": [99, 0]}), "At t=1, .* outside the plane"),
        (objects(POINT | {"t": 0, "z": 2, "frame": 3}, axis="z"), "frame is 3, but z is 2"),
        (objects(POINT | {"t": 0, "z": 2, "label": 0}), "only clicks outside"),
        (objects(POINT | {"t": 0.5, "z": 2}), "a whole number"),
        (objects(POINT | {"t": 0, "z": 2, "y": 3}), "y is an axis of the plane"),
    ],
)
def test_prompts_that_do_not_fit_are_refused(
    tmp_path: Path, prompts: dict[str, Any], words: str
) -> None:
    job = job_on(tmp_path, np.zeros(SHAPE, np.uint8), prompts)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=words):
        run_segmentation(job)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("shape", "axes", "words"),
    [
        ((4, 48, 64), "TYX", "axes TYX without z: follow them along t"),
        ((4, 48, 64), "ZYX", "axes ZYX without t: follow them along z"),
        ((48, 64), "YX", "without t and z: choose another axis"),
    ],
)
def test_images_without_both_axes_are_refused(
    tmp_path: Path, shape: tuple[int, ...], axes: str, words: str
) -> None:
    prompts = objects(POINT | {"t": 0, "z": 0})
    job = job_on(tmp_path, np.zeros(shape, np.uint8), prompts, axes=axes)
    with pytest.raises(UserError, match=words):
        run_segmentation(job)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"at": ("t=1",)}, "cannot be fixed at t=1"),
        ({"at": ("z=1",)}, "cannot be fixed at z=1"),
        ({"frames": (0, 2)}, "--range"),
        ({"refine": True}, "--refine"),
    ],
)
def test_options_of_one_axis_are_refused(
    tmp_path: Path, option: dict[str, Any], words: str
) -> None:
    prompts = objects(POINT | {"t": 0, "z": 2})
    job = job_on(tmp_path, np.zeros(SHAPE, np.uint8), prompts, **option)
    with pytest.raises(UserError, match=words):
        run_segmentation(job)


def test_channels_are_no_axis_of_the_series(tmp_path: Path, series: NucleiSeries) -> None:
    image = np.stack([np.full(SHAPE, 20, np.uint8), series.image], axis=1)
    plain = job_on(tmp_path, series.image, series.prompts())
    run_segmentation(plain)
    (tmp_path / "two").mkdir()
    job = job_on(tmp_path / "two", image, series.prompts(), axes="TCZYX", channels=(1,))
    run_segmentation(job)
    np.testing.assert_array_equal(labels_of(job), labels_of(plain))


def test_a_run_along_one_axis_refuses_prompts_elsewhere(
    tmp_path: Path, series: NucleiSeries
) -> None:
    job = job_on(tmp_path, series.image, series.prompts(), along="z", at=("t=1",))
    with pytest.raises(UserError, match=r"lies on t=0, not on t=1\. Choose t=0, or follow objects"):
        run_segmentation(job)
