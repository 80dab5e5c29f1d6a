from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import napari_sam2
from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.prompts.types import PointPrompt
from sam2_model.errors import SAM2Error
from tests.helpers.fakes import FakePredictor
from tests.helpers.label_outputs import ALL_NAMES
from tests.helpers.scenes import click, iou, movie, straight

PATH = straight((30, 20), (2, 3), 5)
DATA = movie((96, 128), [PATH])


def test_segment_an_array():
    result = napari_sam2.segment(DATA, [click(1, 0, PATH)], axes="TYX", model=FakePredictor())
    labels = np.asarray(result)
    assert labels.shape == DATA.shape
    assert all(iou(labels[f] == 1, DATA[f] > 100) > 0.8 for f in range(5))
    assert len(result.scores) == 5


def test_segment_with_prompts_as_a_dict_into_a_zarr_folder(tmp_path):
    y, x = PATH[0]
    prompts = {
        "version": 1,
        "axis": "z",
        "objects": [{"id": 7, "points": [{"frame": 0, "yx": [y, x], "label": 1}]}],
    }
    result = napari_sam2.segment(
        DATA,
        prompts,
        axes="ZYX",
        model=FakePredictor(),
        frames=(0, 3),
        output=tmp_path / "labels.zarr",
    )
    labels = np.asarray(result)
    assert set(np.unique(labels)) == {0, 7}
    assert not labels[3:].any()


def test_session_without_prompts_takes_them_later():
    session = napari_sam2.open_session(DATA, axes="TYX", model=FakePredictor())
    session.prompts.add(click(session.add_object("cell"), 0, PATH))
    assert len(list(session.propagate())) == 5


def test_labels_of_other_axes_are_left_alone():
    data = np.stack([DATA, DATA[:, ::-1]], axis=1)
    result = napari_sam2.segment(
        data, [click(1, 0, PATH)], axes="TZYX", along="t", at={"z": 0}, model=FakePredictor()
    )
    labels = np.asarray(result)
    assert labels.shape == data.shape
    assert labels[:, 0].any()
    assert not labels[:, 1].any()


def test_the_bundled_model_is_trained():
    session = napari_sam2.open_session(DATA, axes="TYX", model="micro", device="cpu")
    assert session.predictor.info.trained
    assert session.predictor.info.name == "micro"


def test_stand_in_model_says_that_it_is_untrained(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "napari_sam2.inference.sam2_predictor.BUNDLED_MICRO", tmp_path / "missing.safetensors"
    )
    session = napari_sam2.open_session(DATA, axes="TYX", model="micro", device="cpu")
    assert not session.predictor.info.trained
    assert "untrained" in session.predictor.info.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "sideways"}, "sideways"),
        ({"view": "near"}, "Cannot read the view"),
        ({"model": "nothing.pt"}, "There is no file"),
        ({"model": "auto", "device": "cuda:77"}, "CUDA|cuda"),
        ({"model": "auto", "device": "toaster"}, "Unknown device"),
        ({"frames": (4, 4)}, "empty"),
    ],
)
def test_bad_options(options, message):
    given = {"model": FakePredictor()} | options
    with pytest.raises((UserError, SAM2Error), match=message):
        napari_sam2.segment(DATA, [click(1, 0, PATH)], axes="TYX", **given)


def test_core_imports_neither_torch_nor_qt_nor_napari():
    code = (
        "import sys, napari_sam2; napari_sam2.segment; import napari_sam2.session.session;"
        "bad = {'torch', 'napari', 'qtpy', 'sam2_model', 'dask'} & set(sys.modules);"
        "sys.exit(len(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_messages_report_the_contrast_and_objects_at_one_place():
    data = DATA.astype("i2")
    data[:, :4] = -32768
    prompts = [click(1, 0, PATH), click(2, 0, PATH)]
    result = napari_sam2.segment(data, prompts, axes="TYX", model=FakePredictor())
    told = " ".join(result.messages)
    assert "-32768" in told
    assert "Objects 1 and 2 overlap" in told


@pytest.mark.parametrize("exclusion", [True, False])
def test_excluded_objects_are_reported_unless_masks_may_overlap(exclusion):
    """Both clicks are on one disc, which is one object's on the frames of the other's click."""
    prompts = [click(1, 0, PATH), click(2, 4, PATH)]
    options = {"axes": "ZYX", "model": FakePredictor(), "exclusion": exclusion}
    result = napari_sam2.segment(DATA, prompts, **options)
    reported = [text for text in result.messages if "has no mask on" in text]
    assert bool(reported) is exclusion
    assert any(row.excluded for row in result.scores) is exclusion
    covered = [text for text in result.messages if text.startswith("Objects 1 and 2 overlap")]
    assert bool(covered) is not exclusion


def test_the_memory_policy_reaches_the_model():
    options = {"axes": "TYX", "model": FakePredictor()}
    prompts = [click(1, 0, PATH)]
    result = napari_sam2.segment(DATA, prompts, memory="distractor-aware", **options)
    assert result.session.settings.memory is MemoryPolicy.DISTRACTOR_AWARE
    assert result.session.encoder.predictor.memory is MemoryPolicy.DISTRACTOR_AWARE
    with pytest.raises(UserError, match=r"policy 'tree'\. Use plain, distractor-aware or"):
        napari_sam2.segment(DATA, prompts, memory="tree", **options)


def test_only_clicks_outside_are_refused():
    outside = PointPrompt(1, 0, PATH[0], 0)
    with pytest.raises(UserError, match="Object 1 has only clicks outside on frame 0"):
        napari_sam2.segment(DATA, [outside], axes="TYX", model=FakePredictor())


@pytest.mark.parametrize("name", ALL_NAMES)
def test_every_format_of_labels(tmp_path, name):
    output = OutputDestination.parse(tmp_path / name)
    result = napari_sam2.segment(
        DATA, [click(7, 0, PATH)], axes="TYX", model=FakePredictor(), output=output.path
    )
    assert output.existing() == (output.path,)
    labels = np.asarray(result)
    assert set(np.unique(labels)) == {0, 7}
    if name.endswith((".tif", ".nii", ".nii.gz", "t.zarr", ".png")):
        found = napari_sam2.open_stack(output.path, axes="TYX" if name.endswith(".png") else None)
        read = np.stack([found.read(found.index(f))[0] for f in range(5)])
        np.testing.assert_array_equal(read, labels)


@pytest.mark.parametrize("name", ["labels.zarr", "labels.tif"])
def test_an_output_in_an_input_folder_is_refused(tmp_path, name):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(DATA):
        Image.fromarray(frame).save(folder / f"{number}.png")
    prompts = [click(1, 0, PATH)]
    with pytest.raises(UserError, match="would change the input folder"):
        napari_sam2.segment(folder, prompts, model=FakePredictor(), output=folder / name)
    assert len(list(folder.iterdir())) == len(DATA)


@pytest.mark.parametrize("name", ["labels.zarr", "labels.tif"])
def test_an_existing_output_is_not_replaced(tmp_path, name):
    (tmp_path / name).mkdir()
    prompts, options = [click(1, 0, PATH)], {"axes": "TYX", "model": FakePredictor()}
    with pytest.raises(UserError, match="exists: choose another output"):
        napari_sam2.segment(DATA, prompts, output=tmp_path / name, **options)


def test_ids_that_a_format_lacks_are_refused_before_the_run(tmp_path):
    prompts = [click(70000, 0, PATH)]
    with pytest.raises(UserError, match="renumber the objects"):
        napari_sam2.segment(
            DATA, prompts, axes="TYX", model=FakePredictor(), output=tmp_path / "o.png"
        )


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.zarr", "labels"])
def test_a_session_writes_plain_zarr_only(tmp_path, name):
    with pytest.raises(UserError, match=r"segment\(\.\.\., output=\.\.\.\)"):
        napari_sam2.open_session(DATA, axes="TYX", model=FakePredictor(), output=tmp_path / name)
