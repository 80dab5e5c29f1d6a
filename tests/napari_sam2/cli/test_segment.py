"""The segment command: outputs, interruption and resuming."""

from __future__ import annotations

import csv
import errno
import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.images.contrast_limits.sampling import sample_windows
from napari_sam2.images.stack import open_stack
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.session.storage.fingerprint import MAX_BLOCKS
from tests.helpers.command import FRAMES, RunFiles, point
from tests.helpers.fakes import FakePredictor

TRUTH = FRAMES > 100


class Interrupted(FakePredictor):
    """Calls a function at its n-th tracked frame."""

    def __init__(self, at: int, act: Callable[[], object]) -> None:
        super().__init__()
        self.at, self.act = at, act

    def track(self, *args, **kwargs):
        if self.calls["track calls"] == self.at:
            self.act()
        return super().track(*args, **kwargs)


@pytest.fixture
def place(tmp_path, monkeypatch) -> RunFiles:
    use(monkeypatch, FakePredictor())
    return RunFiles(tmp_path).create_files()


def use(monkeypatch, predictor: FakePredictor) -> None:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: predictor)


def test_labels_follow_the_objects(place, capfd):
    scores = place.folder / "scores.csv"
    assert place.segment("--scores", str(scores)) == ExitCode.DONE
    labels = place.labels()
    assert labels.shape == FRAMES.shape
    assert np.mean((labels > 0) == TRUTH) > 0.995
    assert set(np.unique(labels)) == {0, 1, 2}
    rows = list(csv.DictReader(scores.read_text().splitlines()))
    assert len(rows) == 2 * len(FRAMES)
    assert list(rows[0])[:6] == [
        "frame",
        "object_id",
        "predicted_iou",
        "object_score",
        "area",
        "direction",
    ]
    assert {row["direction"] for row in rows} == {"prompt", "forward", "backward"}
    complaint = capfd.readouterr().err
    assert "Model fake on cpu" in complaint
    assert "2 objects segmented" in complaint


def test_a_range_leaves_the_rest_empty_at_full_length(place):
    assert place.segment("--range", "2:12") == ExitCode.DONE
    labels = place.labels()
    assert labels.shape == FRAMES.shape
    shown = {t for t in range(len(FRAMES)) if labels[t].any()}
    assert shown == set(range(2, 12))


def test_the_memory_policy_reaches_the_model_and_is_stored(place, monkeypatch):
    predictor = FakePredictor()
    use(monkeypatch, predictor)
    assert place.segment("--memory", "memory-tree") == ExitCode.DONE
    assert predictor.memory is MemoryPolicy.MEMORY_TREE
    record = place.folder / "o.zarr.sam2" / "run.json"
    stored = json.loads(record.read_text())
    assert stored["settings"]["memory"] == "memory-tree"
    assert place.segment("--resume") == ExitCode.DONE
    assert predictor.memory is MemoryPolicy.MEMORY_TREE


def test_runs_of_versions_without_memory_policies_resume_with_plain_memory(place, monkeypatch):
    predictor = FakePredictor()
    use(monkeypatch, predictor)
    assert place.segment("--memory", "plain") == ExitCode.DONE
    record = place.folder / "o.zarr.sam2" / "run.json"
    stored = json.loads(record.read_text())
    del stored["settings"]["memory"]
    record.write_text(json.dumps(stored))
    assert place.segment("--resume") == ExitCode.DONE
    assert predictor.memory is MemoryPolicy.PLAIN


def test_options_of_the_model_are_stored_and_kept_for_resuming(place, monkeypatch):
    asked = []

    def load(model, device, *, dtype, input_size):
        asked.append((dtype, input_size))
        predictor = FakePredictor(image_size=input_size or 256)
        resized = input_size is not None
        predictor._info = replace(predictor.info, dtype=dtype, resized=resized)
        return predictor

    monkeypatch.setattr(loading, "load_predictor", load)
    assert place.segment("--dtype", "bfloat16", "--input-size", "128") == ExitCode.DONE
    record = place.folder / "o.zarr.sam2" / "run.json"
    stored = json.loads(record.read_text())["model"]
    assert (stored["dtype"], stored["input_size"]) == ("bfloat16", 128)
    assert place.segment("--resume") == ExitCode.DONE
    assert place.segment("--resume", "--dtype", "float32") == ExitCode.BAD_INPUT
    assert asked == [("bfloat16", 128), ("bfloat16", 128), ("float32", 128)]


def test_runs_of_versions_without_number_formats_resume_in_float32(place, monkeypatch):
    asked = []

    def load(model, device, *, dtype, input_size):
        asked.append((dtype, input_size))
        return FakePredictor()

    monkeypatch.setattr(loading, "load_predictor", load)
    assert place.segment() == ExitCode.DONE
    record = place.folder / "o.zarr.sam2" / "run.json"
    stored = json.loads(record.read_text())
    del stored["model"]["dtype"], stored["model"]["input_size"]
    record.write_text(json.dumps(stored))
    assert place.segment("--resume") == ExitCode.DONE
    assert asked == [("auto", None), ("float32", None)]


def test_features_that_are_kept_are_not_computed_again(place, monkeypatch):
    from napari_sam2.inference.features import folder

    monkeypatch.setattr(folder, "user_cache_path", lambda *_, **__: place.folder / "cache")
    assert place.segment() == ExitCode.DONE
    assert not (place.folder / "cache").exists()
    assert place.segment("--overwrite", "--feature-cache") == ExitCode.DONE
    labels = place.labels()
    predictor = FakePredictor()
    use(monkeypatch, predictor)
    assert place.segment("--overwrite", "--feature-cache") == ExitCode.DONE
    assert predictor.calls["encode"] == 0
    np.testing.assert_array_equal(place.labels(), labels)


def test_one_direction(place):
    assert place.segment("--direction", "backward") == ExitCode.DONE
    labels = place.labels()
    assert not np.any(labels[11:])
    assert np.any(labels[0] == 1)
    assert not np.any(labels[3:] == 1)


@pytest.mark.parametrize("out", ["o.tif", "o.ome.zarr"])
def test_other_formats_hold_the_same_labels(place, out):
    assert place.segment() == place.segment(out=out) == ExitCode.DONE
    path = place.folder / out
    if out == "o.tif":
        labels = tifffile.imread(path)
    else:
        labels = np.asarray(zarr.open_group(path, mode="r")["labels/objects/0"][...])
    np.testing.assert_array_equal(labels, place.labels())


@pytest.mark.parametrize("kind", ["mask", "box", "center"])
def test_a_label_image_prompts(place, kind):
    plane = np.zeros(FRAMES.shape[1:], np.uint8)
    plane[24:37, 14:27] = 7
    prompts = place.folder / "first.tif"
    tifffile.imwrite(prompts, plane)
    assert place.segment("--labels-as", kind, prompts=prompts) == ExitCode.DONE
    labels = place.labels()
    assert set(np.unique(labels)) == {0, 7}
    assert np.any(labels[-1] == 7)


def test_channel_axis_and_position_are_chosen(place):
    source = place.folder / "big.zarr"
    array = zarr.create_array(source, shape=(20, 2, 3, 128, 160), dtype="uint16", fill_value=0)
    array[:, 1, 2] = FRAMES.astype(np.uint16) * 100
    given = ["--axes", "TCZYX", "--channel", "1", "--at", "z=2", "--contrast", "0,25500"]
    assert place.segment(*given, source=source) == ExitCode.DONE
    labels = place.labels()
    assert labels.shape == (20, 3, 128, 160)
    assert np.mean((labels[:, 2] > 0) == TRUTH) > 0.995
    assert not labels[:, :2].any()


def test_resume_without_a_run_starts_one_and_after_a_complete_one_changes_nothing(place):
    assert place.segment("--resume") == ExitCode.DONE
    before = place.labels()
    assert place.segment("--resume") == ExitCode.DONE
    np.testing.assert_array_equal(place.labels(), before)


def test_overwrite_replaces(place):
    assert place.segment() == ExitCode.DONE
    place.write_prompts([point(2, 10)])
    assert place.segment("--overwrite") == ExitCode.DONE
    assert set(np.unique(place.labels())) == {0, 2}


@pytest.mark.parametrize("frame", [0, 7, 20])
def test_resuming_after_ctrl_c_gives_the_same_labels(place, monkeypatch, capfd, frame):
    scores = ["--scores", str(place.folder / "s.csv")]
    assert place.segment(out="whole.zarr") == ExitCode.DONE
    use(monkeypatch, Interrupted(frame, lambda: signal.raise_signal(signal.SIGINT)))
    assert place.segment(*scores) == ExitCode.INTERRUPTED
    assert "--resume" in capfd.readouterr().err
    assert place.labels().any()
    use(monkeypatch, FakePredictor())
    assert place.segment(*scores, "--resume") == ExitCode.DONE
    np.testing.assert_array_equal(place.labels(), place.labels("whole.zarr"))


def test_a_full_disk_keeps_finished_frames(place, monkeypatch, capfd):
    assert place.segment(out="whole.zarr") == ExitCode.DONE
    write, count = LabelArray.refresh, iter(range(100))

    def full(self, *args):
        if next(count) >= 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(LabelArray, "refresh", full)
        assert place.segment() == ExitCode.STOPPED_PART_WAY
    assert "No space left" in capfd.readouterr().err
    assert place.labels().any()
    assert place.segment("--resume") == ExitCode.DONE
    np.testing.assert_array_equal(place.labels(), place.labels("whole.zarr"))


def test_a_chunk_that_cannot_be_read_is_named(place, capfd):
    source = place.folder / "movie.zarr"
    array = zarr.create_array(source, shape=FRAMES.shape, chunks=(1, 128, 160), dtype="uint8")
    array[...] = FRAMES
    stack = open_stack(source, axes="TYX")
    sampled = {index[0] for index, _ in sample_windows(stack, MAX_BLOCKS)}
    bad = next(t for t in range(12, 20) if t not in sampled)
    chunk = source / "c" / str(bad) / "0" / "0"
    kept = place.folder / "kept"
    shutil.copy2(chunk, kept)
    chunk.write_bytes(b"damaged")
    assert place.segment("--axes", "TYX", source=source) == ExitCode.STOPPED_PART_WAY
    complaint = capfd.readouterr().err
    assert f"t={bad}" in complaint
    assert "--resume" in complaint
    assert place.labels()[bad - 1].any()
    shutil.copy2(kept, chunk)
    assert place.segment("--axes", "TYX", "--resume", source=source) == ExitCode.DONE
    assert place.labels()[bad:].any(axis=(1, 2)).all()


def test_missing_values_are_reported_once(place, capfd):
    source = place.folder / "nan.tif"
    frames = FRAMES.astype(np.float32)
    frames[[5, 6]] = np.nan
    tifffile.imwrite(source, frames, metadata={"axes": "TYX"})
    assert place.segment(source=source) == ExitCode.DONE
    assert capfd.readouterr().err.count("NaN") == 1


def test_refine_reports_how_many_masks_changed(place, capfd):
    scores = place.folder / "scores.csv"
    assert place.segment("--refine", "--view", "full", "--scores", str(scores)) == ExitCode.DONE
    assert f"{2 * len(FRAMES)} masks refined" in capfd.readouterr().err
    rows = list(csv.DictReader(scores.read_text().splitlines()))
    assert all(row["view"].startswith("zoom") and row["view"].endswith("refined") for row in rows)
    assert np.mean((place.labels() > 0) == TRUTH) > 0.995


class Refining(FakePredictor):
    """Calls a function at its n-th refinement."""

    def __init__(self, at: int, act: Callable[[], object]) -> None:
        super().__init__()
        self.at, self.act = at, act

    def predict(self, encoding, prompt):
        if prompt.box is not None and prompt.previous is not None:
            self.calls["refinements"] += 1
            if self.calls["refinements"] == self.at:
                self.act()
        return super().predict(encoding, prompt)


def test_an_interrupted_refinement_is_resumed(place, monkeypatch):
    options = ("--refine", "--view", "full")
    assert place.segment(*options, out="whole.zarr") == ExitCode.DONE
    use(monkeypatch, Refining(5, lambda: signal.raise_signal(signal.SIGINT)))
    assert place.segment(*options) == ExitCode.INTERRUPTED
    later = Refining(0, lambda: None)
    use(monkeypatch, later)
    assert place.segment("--resume") == ExitCode.BAD_INPUT
    assert place.segment(*options, "--resume") == ExitCode.DONE
    assert later.calls["refinements"] == 2 * len(FRAMES) - 5
    np.testing.assert_array_equal(place.labels(), place.labels("whole.zarr"))


def test_several_images_are_the_frames_of_one_stack(place):
    from PIL import Image

    paths = [place.folder / f"frame{number}.png" for number in range(len(FRAMES))]
    for path, frame in zip(paths, FRAMES, strict=True):
        Image.fromarray(frame).save(path)
    given = ["--prompts", str(place.prompts), "--output", str(place.folder / "o.zarr")]
    assert run(["segment", *map(str, paths[::-1]), "--axes", "TYX", *given]) == ExitCode.DONE
    assert np.mean((place.labels() > 0) == TRUTH) > 0.995


def test_axes_of_labels_can_be_stated(place):
    labels = np.zeros(FRAMES.shape, np.uint8)
    labels[2] = TRUTH[2]
    np.save(place.folder / "labels.npy", labels.transpose(2, 0, 1))
    labels_file = place.folder / "labels.npy"
    assert place.segment("--labels-axes", "XTY", prompts=labels_file) == ExitCode.DONE
    assert np.mean((place.labels() > 0) == TRUTH) > 0.99
    assert place.segment("--labels-axes", "TYX", out="p.zarr") == ExitCode.BAD_INPUT
