"""Series of volumes from Python: the labels of the command line, corrections and refusals."""

from __future__ import annotations

import csv
import json
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import napari_sam2
from napari_sam2.core.errors import UserError
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.volume_series.series_session import SeriesSession
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.run import run_segmentation
from tests.helpers.fakes import FakePredictor
from tests.helpers.volume_series import NucleiSeries, moving_balls

SHAPE = (4, 5, 40, 48)


@pytest.fixture
def series() -> NucleiSeries:
    """Two balls that move through the volumes."""
    starts = [(2.0, 12.0, 12.0), (2.0, 28.0, 36.0)]
    return moving_balls(SHAPE, starts, [(0.3, 1.0, 2.0), (-0.3, 1.0, -1.0)])


def segment(series: NucleiSeries, **options: Any) -> napari_sam2.SegmentationResult:
    given = {"axes": "TZYX", "along": "t,z", "model": FakePredictor()} | options
    return napari_sam2.segment(series.image, series.prompts(), **given)


def test_labels_and_scores_are_those_of_the_command_line(
    tmp_path: Path, series: NucleiSeries
) -> None:
    np.save(tmp_path / "series.npy", series.image)
    (tmp_path / "prompts.json").write_text(json.dumps(series.prompts()))
    job = SegmentationJob(
        source=tmp_path / "series.npy",
        prompts=tmp_path / "prompts.json",
        output=tmp_path / "labels.tif",
        scores=tmp_path / "scores.csv",
        axes="TZYX",
        along="t,z",
    )
    run_segmentation(job, load=lambda *_: FakePredictor())
    result = segment(series)
    assert np.asarray(result).shape == SHAPE
    np.testing.assert_array_equal(np.asarray(result), tifffile.imread(job.output))
    result.scores.write_csv(tmp_path / "again.csv")
    assert _rows(tmp_path / "again.csv") == _rows(tmp_path / "scores.csv")
    frames = [(row.frame, row.index) for row in result.scores.rows(1)]
    assert frames == [(t * 5 + z, (t, z)) for t in range(4) for z in range(5)]
    assert result.messages[-1] == "2 objects found at 4 time points."


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return sorted(
            csv.DictReader(file), key=lambda r: (r["object_id"], int(r["t"]), int(r["z"]))
        )


def test_a_result_is_corrected_and_followed_again(series: NucleiSeries) -> None:
    result = segment(series)
    session = result.session
    assert isinstance(session, SeriesSession)
    session.volumes()[3].prompts.set(1, 2, [PointPrompt(1, 2, (25.0, 33.0))])
    assert session.plan().order == "t=3, then 2"
    deque(session.propagate(), maxlen=0)
    np.testing.assert_array_equal(result.labels.read((3, 2))[25, 33], 1)


@pytest.mark.parametrize("name", ["labels.zarr", "labels.tif"])
def test_labels_are_written(tmp_path: Path, series: NucleiSeries, name: str) -> None:
    result = segment(series, output=tmp_path / name)
    again = napari_sam2.open_stack(tmp_path / name, axes="TZYX")
    found = np.stack([again.with_along("z", {"t": t}).read((t, 2))[0] for t in range(4)])
    np.testing.assert_array_equal(found, np.asarray(result)[:, 2])


def test_axes_in_another_order_and_channels(series: NucleiSeries) -> None:
    swapped = np.stack([series.image.swapaxes(0, 1)] * 2, axis=2)
    result = napari_sam2.segment(
        swapped, series.prompts(), "ZTCYX", "t,z", FakePredictor(), channels=[1]
    )
    np.testing.assert_array_equal(np.asarray(result).swapaxes(0, 1), np.asarray(segment(series)))


def test_one_plane_per_time_point_is_a_run_along_time(series: NucleiSeries) -> None:
    flat = {
        "version": 1,
        "axis": "t",
        "objects": [{"id": 1, "points": [{"frame": 0, "yx": [12, 12], "label": 1}]}],
    }
    movie = series.image[:, 2:3]
    result = napari_sam2.segment(movie, flat, "TZYX", "t,z", FakePredictor())
    alone = napari_sam2.segment(movie[:, 0], flat, "TYX", "t", FakePredictor())
    np.testing.assert_array_equal(np.asarray(result)[:, 0], np.asarray(alone))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": (0, 2)}, "frames counts along one axis"),
        ({"refine": True}, r"refine=True cannot be used with along='t,z'"),
        ({"at": {"t": 1}}, "t cannot be fixed at t=1"),
        ({"at": ["z=1"]}, "z cannot be fixed at z=1"),
        ({"direction": "sideways"}, "no direction 'sideways'"),
    ],
)
def test_what_is_not_offered_is_refused(
    series: NucleiSeries, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        segment(series, **options)


def test_images_without_depth_are_refused() -> None:
    with pytest.raises(UserError, match=r"needs both axes, but .* has the axes TYX without z"):
        napari_sam2.segment(np.zeros((4, 32, 32)), {}, "TYX", "t,z", FakePredictor())


def test_prompts_without_a_time_point_are_refused(series: NucleiSeries) -> None:
    point = {"frame": 2, "yx": [12, 12], "label": 1}
    prompts = {"version": 1, "axis": "z", "objects": [{"id": 1, "points": [point]}]}
    with pytest.raises(UserError, match="states no t"):
        napari_sam2.segment(series.image, prompts, "TZYX", "t,z", FakePredictor())
