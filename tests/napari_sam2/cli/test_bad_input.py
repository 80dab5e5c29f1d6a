"""Bad inputs of the segment command: one message, exit code 2, nothing written."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Callable

import numpy as np
import pytest
import tifffile

from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.workflows.score_files import check_different_files
from tests.helpers.command import FRAMES, RunFiles, listing, point, run
from tests.helpers.fakes import FakePredictor


@pytest.fixture
def place(tmp_path) -> RunFiles:
    return RunFiles(tmp_path).create_files()


def refused(
    place: RunFiles, capfd: pytest.CaptureFixture[str], message: str, *more: str, **other
) -> None:
    """Check that a run is refused with a message and writes nothing."""
    before = listing(place.folder)
    capfd.readouterr()
    code = place.segment(*more, **other)
    output = " ".join(capfd.readouterr().err.split())
    assert code == ExitCode.BAD_INPUT, output
    assert message in output
    assert "Traceback" not in output
    assert listing(place.folder) == before


def test_a_missing_input(place, capfd):
    refused(place, capfd, "absent.tif", source=place.folder / "absent.tif")


@pytest.mark.parametrize("name", ["empty.tif", "empty.nii", "empty.zarr", "empty.mp4", "empty.png"])
def test_an_empty_file(place, capfd, name):
    source = place.folder / name
    source.touch()
    refused(place, capfd, name, source=source)


def test_an_empty_folder(place, capfd):
    source = place.folder / "nothing"
    source.mkdir()
    refused(place, capfd, "nothing", source=source)


@pytest.mark.parametrize("name", ["noise.tif", "noise.nii.gz", "noise.mp4", "noise.png"])
def test_an_unreadable_file(place, capfd, name):
    source = place.folder / name
    source.write_bytes(bytes(range(256)) * 8)
    refused(place, capfd, name, source=source)


def test_a_truncated_tiff(place, capfd):
    whole = place.movie.read_bytes()
    source = place.folder / "cut.tif"
    source.write_bytes(whole[: len(whole) * 2 // 3])
    refused(place, capfd, "cut.tif", source=source)


@pytest.mark.parametrize("axes", ["ZYXT", "TY", "TTX", "ABC", ""])
def test_wrong_axes(place, capfd, axes):
    refused(place, capfd, "xis" if len(axes) == 3 else "xes", "--axes", axes)


@pytest.mark.parametrize("shape", [(500,), (2, 2, 2, 2, 8, 8)])
def test_too_few_or_too_many_dimensions(place, capfd, shape):
    source = place.folder / "array.npy"
    np.save(source, np.zeros(shape, np.uint8))
    refused(place, capfd, "dimension", source=source)


def test_complex_numbers(place, capfd):
    source = place.folder / "waves.tif"
    tifffile.imwrite(source, FRAMES.astype(np.complex64), metadata={"axes": "TYX"})
    refused(place, capfd, "complex", source=source)


def at(frame: int = 2, y: float = 30, x: float = 20, **fields) -> dict:
    return {"id": 1, "points": [{"frame": frame, "yx": [y, x], "label": 1}]} | fields


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([at(frame=20)], "outside the stack"),
        ([at(y=128)], "outside the plane"),
        ([at(id=-1)], "-1"),
        ([at(id=0)], "0"),
        ([at(), at()], "1"),
        ([at(id=2**40)], str(2**40)),
        ([at(id=1.5)], "1.5"),
        ([at(color="red")], "color"),
        ([], "no objects"),
        ([{"id": 1}], ""),
        ([at(points=[{"frame": 0, "yx": [1], "label": 1}])], "yx"),
        ([at(points=[{"frame": 0, "yx": [1, 2], "label": 7}])], "label"),
        ([at(masks=[{"frame": 0, "path": "none.tif", "value": 1}])], "none.tif"),
        ([at(boxes=[{"frame": 0, "yx": [[9, 9], [3, 3]]}])], "ox"),
    ],
)
def test_wrong_prompts(place, capfd, objects, message):
    place.write_prompts(objects)
    refused(place, capfd, message)


def test_prompts_outside_the_range(place, capfd):
    refused(place, capfd, "outside the range 0:5", "--range", "0:5")


def test_a_newer_schema(place, capfd):
    place.write_prompts([point(1, 2)], version=2)
    refused(place, capfd, "version")


def test_an_unknown_key(place, capfd):
    place.write_prompts([point(1, 2)], speed=3)
    refused(place, capfd, "speed")


def test_another_axis_than_along(place, capfd):
    refused(place, capfd, "count frames along t, but --along is y", "--along", "y")


@pytest.mark.parametrize("text", ["", "{", '{"version": 1,', "[1, 2]", '{"version": 1}', "\x00"])
def test_broken_json(place, capfd, text):
    place.prompts.write_text(text)
    refused(place, capfd, "prompts.json")


@pytest.mark.parametrize(
    "text", ["", "object_id,frame,y\n1,0,3\n", "object_id,frame,y,x,label\n1,0,a,3,1\n"]
)
def test_broken_csv(place, capfd, text):
    prompts = place.folder / "clicks.csv"
    prompts.write_text(text)
    refused(place, capfd, "clicks.csv", prompts=prompts)


def test_missing_prompts(place, capfd):
    refused(place, capfd, "absent.json", prompts=place.folder / "absent.json")


@pytest.mark.parametrize(("value", "message"), [(0.5, "fractions"), (np.nan, "NaN")])
def test_label_images_that_hold_no_ids(place, capfd, value, message):
    prompts = place.folder / "labels.tif"
    tifffile.imwrite(prompts, np.full(FRAMES.shape, value, np.float32))
    refused(place, capfd, message, prompts=prompts)


def test_a_scene_that_there_is_not(place, capfd):
    refused(place, capfd, "movie.tif holds one image", "--scene", "3")


def test_a_folder_of_images_of_different_sizes(place, capfd):
    folder = place.folder / "frames"
    folder.mkdir()
    for number, frame in enumerate((FRAMES[0], FRAMES[1], FRAMES[2, :-1])):
        tifffile.imwrite(folder / f"{number}.tif", frame)
    refused(place, capfd, "2.tif", source=folder)


@pytest.mark.parametrize("out", ["frames/o.tif", "frames/o.zarr", "frames/deeper/o.png"])
def test_an_output_in_the_folder_of_the_input(place, capfd, out):
    folder = place.folder / "frames"
    folder.mkdir()
    for number, frame in enumerate(FRAMES):
        tifffile.imwrite(folder / f"{number:02}.tif", frame)
    refused(place, capfd, "would change the input folder", source=folder, out=out)


def test_a_label_image_of_another_shape(place, capfd):
    prompts = place.folder / "labels.tif"
    tifffile.imwrite(prompts, np.ones((5, 5), np.uint8))
    refused(place, capfd, "(5, 5)", prompts=prompts)


def test_an_unknown_model(place, capfd):
    refused(place, capfd, "sam2.1_hiera_tiny", "--model", "sam2.1_hiera_tony")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_broken_model_file(place, capfd, suffix):
    weights = place.folder / f"weights{suffix}"
    weights.write_bytes(b"no weights" * 20)
    refused(place, capfd, weights.name, "--model", str(weights))


def test_a_missing_gpu(place, capfd):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA GPU")
    refused(place, capfd, "CUDA", "--device", "cuda")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--range", "5:5"], "empty"),
        (["--range", "9:4"], "empty"),
        (["--range", "0:21"], "20 frames"),
        (["--range", "2-9"], "A:B"),
        (["--contrast", "3"], "LOW,HIGH"),
        (["--contrast", "9,3"], "finite"),
        (["--contrast", "0,nan"], "finite"),
        (["--contrast", "0,9", "--window", "ct-bone"], "not both"),
        (["--window", "ct-hair"], "ct-bone"),
        (["--view", "tiny"], "zoom:PIXELS"),
        (["--at", "q=3"], "q"),
        (["--channel", "1"], "Channel 1"),
        (["--along", "z"], "--along is z"),
        (["--resume", "--overwrite"], "not both"),
        (["--device", "toaster"], "toaster"),
        (["--direction", "sideways"], "sideways"),
    ],
)
def test_wrong_options(place, capfd, options, message):
    refused(place, capfd, message, *options)


@pytest.mark.parametrize("out", ["labels.jpg", "labels", ".zarr"])
def test_an_output_of_unknown_format(place, capfd, out):
    refused(place, capfd, ".ome.zarr", out=out)


def test_an_output_over_the_input(place, capfd):
    refused(place, capfd, "movie.tif", "--overwrite", out="movie.tif")


@pytest.mark.parametrize("scores", ["movie.tif", "prompts.json", ".", "absent/s.csv"])
def test_scores_that_cannot_be_written(place, capfd, scores):
    refused(place, capfd, "cores", "--scores", str(place.folder / scores))


def test_too_little_disk(place, capfd, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 9, 1))
    refused(place, capfd, "free")


class TestSecondRun:
    """The output of an earlier run is not lost."""

    @pytest.fixture
    def done(self, place, monkeypatch) -> RunFiles:
        self.use(monkeypatch, FakePredictor())
        assert place.segment("--range", "0:12") == ExitCode.DONE
        return place

    def use(self, monkeypatch, predictor: FakePredictor) -> None:
        monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: predictor)

    def test_output_exists(self, done, capfd):
        refused(done, capfd, "--overwrite", "--range", "0:12")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda place: place.write_prompts([point(1, 2), point(2, 11)]),
                "prompts of object 2 have changed",
            ),
            (lambda place: place.write_prompts([point(1, 2)]), "prompts of object 2 have changed"),
            (lambda place: tifffile.imwrite(place.movie, FRAMES + 1), "input: "),
        ],
    )
    def test_resume_with_another_input(
        self, done, capfd, change: Callable[[RunFiles], object], message
    ):
        change(done)
        refused(done, capfd, message, "--resume", "--range", "0:12", "--axes", "TYX")

    def test_resume_with_another_model(self, done, capfd, monkeypatch):
        other = FakePredictor(image_size=128)
        other._info = type(other._info)("other", 128, 16, True, "other-1", "cpu")
        self.use(monkeypatch, other)
        refused(done, capfd, "model: was fake", "--resume", "--range", "0:12")

    def test_resume_with_another_setting(self, done, capfd):
        refused(done, capfd, "range was [0, 12], now (0, 13)", "--resume", "--range", "0:13")
        refused(
            done,
            capfd,
            "view was auto, now full",
            "--resume",
            "--range",
            "0:12",
            "--view",
            "full",
        )

    def test_resume_with_another_memory(self, done, capfd):
        changed = ("--resume", "--range", "0:12", "--memory", "memory-tree")
        refused(done, capfd, "memory was plain, now memory-tree", *changed)

    def test_resume_of_a_damaged_run(self, done, capfd):
        record = done.folder / "o.zarr.sam2" / "run.json"
        record.write_text(json.dumps({"version": 9}))
        refused(done, capfd, "version 9", "--resume", "--range", "0:12")

    def test_overwriting_a_folder_that_is_not_an_output(self, place, capfd):
        precious = place.folder / "thesis.zarr"
        precious.mkdir()
        (precious / "thesis.txt").write_text("years of work")
        refused(place, capfd, "thesis.zarr", "--overwrite", out="thesis.zarr")


@pytest.mark.parametrize(
    "option", ["--min-score", "--min-size", "--max-size", "--max-objects", "--diameter"]
)
def test_options_of_a_search_without_one(place, capfd, option):
    refused(place, capfd, "have no effect on prompts", option, "1")


def test_tables_that_would_replace_the_labels_or_each_other(place, capfd):
    output, table = place.folder / "labels.tif", place.folder / "table.csv"
    both = ("--divisions", "auto", "--lineage", str(table), "--scores", str(table))
    refused(place, capfd, "--lineage and --scores both write", *both)
    check_different_files(output, {"--scores": table, "--lineage": None})
    for path in (output, output / "scores.csv"):
        with pytest.raises(UserError, match="--scores and --output both write"):
            check_different_files(output, {"--scores": path})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labels-as", "box"), "--labels-as has no effect"),
        (("--labels-axes", "TYX"), "--labels-axes has no effect"),
        (("--labels-as", "center", "--labels-axes", "TYX"), "--labels-as and --labels-axes have"),
    ],
)
def test_options_of_label_images_without_one(place, capfd, options, message):
    refused(place, capfd, message, *options)
    output = str(place.folder / "o.zarr")
    search = ["segment", str(place.movie), "--find", "everything", "--output", output]
    assert run([*search, *options]) == ExitCode.BAD_INPUT
    assert message in " ".join(capfd.readouterr().err.split())
