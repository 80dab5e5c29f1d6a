"""Prompts as JSON: what is written is read, and every fault is named with its place."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.io import load_prompts, prompt_axis
from napari_sam2.prompts.json_format import read_prompts_json, write_prompts_json
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt

SHAPE = (30, 40)
POINT = {"frame": 0, "yx": [10, 12.5], "label": 1}


@pytest.fixture
def stack():
    return open_stack(np.zeros((5, *SHAPE), np.uint8), axes="TYX")


@pytest.fixture
def write(tmp_path):
    def write(document):
        path = tmp_path / "prompts.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return write


def one_object(**parts):
    return {"version": 1, "axis": "t", "objects": [{"id": 1, **parts}]}


def test_the_schema_of_the_documentation(write, tmp_path, stack):
    mask = np.zeros(SHAPE, np.uint8)
    mask[4:9, 5:7] = 1
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    document = one_object(
        points=[{"frame": 0, "yx": [12.5, 8.0], "label": 1}],
        boxes=[{"frame": 0, "yx": [[10, 7], [14, 11]]}],
        masks=[{"frame": 3, "path": "mask.tif", "value": 1}],
    )
    store = load_prompts(write(document), stack)
    assert store.axis == "t"
    assert store.get(1, 0) == (
        PointPrompt(1, 0, (12.5, 8.0), 1),
        BoxPrompt(1, 0, (10, 7), (14, 11)),
    )
    assert store.get(1, 3) == (MaskPrompt.of(1, 3, mask),)
    assert load_prompts(one_object(points=[POINT]), stack).objects() == (1,)


def test_notes_about_masks_name_the_file(write, tmp_path, stack):
    from PIL import Image

    mask = np.zeros(SHAPE, np.uint8)
    mask[4:12, 5:14] = 255
    Image.fromarray(mask).save(tmp_path / "mask.jpg", quality=90)
    prompts = [{"frame": 0, "path": "mask.jpg"}, {"frame": 1, "path": "mask.jpg"}]
    (note,) = load_prompts(write(one_object(masks=prompts)), stack).notes
    assert note.startswith("The mask mask.jpg: ")


def test_mask_without_a_value_is_all_that_is_not_zero(write, tmp_path, stack):
    mask = np.zeros(SHAPE, np.uint8)
    mask[4:9, 5:7], mask[20, 20] = 1, 9
    np.save(tmp_path / "mask.npy", mask)
    path = write(one_object(masks=[{"frame": 0, "path": "mask.npy"}]))
    assert load_prompts(path, stack).get(1, 0) == (MaskPrompt.of(1, 0, mask),)


BAD = {
    "empty": ("", "is empty"),
    "blank": (" \n", "is empty"),
    "broken": ('{"version": 1,\n "axis" "t"}', "line 2, column 9"),
    "list": ([], "expected an object"),
    "version": ({"version": 2, "objects": []}, "schema version 2"),
    "version as text": ({"version": "1", "objects": []}, "schema version '1'"),
    "no version": ({"objects": []}, "'version' is missing"),
    "unknown key": ({"version": 1, "objects": [], "name": 3}, "unknown key 'name'"),
    "unknown key of an object": (one_object(color="red"), "objects[0]: unknown key 'color'"),
    "unknown key of a point": (one_object(points=[POINT | {"time": 1}]), "unknown key 'time'"),
    "two frames": (one_object(points=[POINT | {"t": 1}]), "points[0]: frame is 0, but t is 1"),
    "elsewhere": (one_object(points=[POINT | {"z": 1}]), "it lies on z=1, not on z=0. Remove it"),
    "repeated key": ('{"version": 1, "version": 1}', "twice"),
    "axis": (one_object(points=[POINT]) | {"axis": "q"}, "one of t, z, y, x"),
    "no objects": ({"version": 1, "objects": []}, "no objects"),
    "object without prompts": (one_object(points=[]), "object 1 has no points"),
    "id 0": ({"version": 1, "objects": [{"id": 0, "points": [POINT]}]}, "ids start at 1"),
    "negative id": ({"version": 1, "objects": [{"id": -2, "points": [POINT]}]}, "id -2"),
    "id too large": ({"version": 1, "objects": [{"id": 2**32, "points": [POINT]}]}, "not fit"),
    "id as float": ({"version": 1, "objects": [{"id": 1.5, "points": [POINT]}]}, "whole number"),
    "id as bool": ({"version": 1, "objects": [{"id": True, "points": [POINT]}]}, "whole number"),
    "repeated id": (
        {"version": 1, "objects": [{"id": 1, "points": [POINT]}] * 2},
        "objects[1]: the id 1 is repeated",
    ),
    "label": (one_object(points=[POINT | {"label": 3}]), "points[0]: The point"),
    "NaN": (one_object(points=[POINT | {"yx": [float("nan"), 1]}]), "finite"),
    "three coordinates": (one_object(points=[POINT | {"yx": [1, 2, 3]}]), "two values"),
    "huge coordinates": (one_object(points=[POINT | {"yx": [10**400, 1]}]), "float64 can hold"),
    "endless number": ('{"version": ' + "1" * 5000 + "}", "too long"),
    "text coordinates": (one_object(points=[POINT | {"yx": ["1", 2]}]), "a number"),
    "points as object": (one_object(points=POINT), "a list"),
    "inverted box": (one_object(boxes=[{"frame": 0, "yx": [[9, 1], [9, 5]]}]), "ends before"),
    "two boxes": (one_object(boxes=[{"frame": 0, "yx": [[1, 1], [9, 5]]}] * 2), "2 times"),
    "frame outside": (one_object(points=[POINT | {"frame": 5}]), "frames are 0 to 4"),
    "negative frame": (one_object(points=[POINT | {"frame": -1}]), "negative"),
    "point outside": (one_object(points=[POINT | {"yx": [30, 3]}]), "outside the plane"),
    "box outside": (one_object(boxes=[{"frame": 0, "yx": [[1, 1], [9, 41]]}]), "outside the plane"),
    "missing mask": (one_object(masks=[{"frame": 0, "path": "no.tif", "value": 1}]), "no.tif"),
    "mask of wrong shape": (one_object(masks=[{"frame": 0, "path": "small.tif"}]), "(3, 4)"),
    "value not in mask": (one_object(masks=[{"frame": 0, "path": "m.tif", "value": 8}]), "holds 5"),
    "empty mask": (one_object(masks=[{"frame": 0, "path": "zero.tif"}]), "empty"),
    "truncated mask": (one_object(masks=[{"frame": 0, "path": "cut.tif", "value": 5}]), "cut.tif"),
    "mask of fractions": (one_object(masks=[{"frame": 0, "path": "half.tif"}]), "fractions"),
    "mask and point": (
        one_object(points=[POINT], masks=[{"frame": 0, "path": "m.tif", "value": 5}]),
        "excludes points",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_every_fault_is_named(case, write, tmp_path, stack):
    tifffile.imwrite(tmp_path / "small.tif", np.ones((3, 4), np.uint8))
    tifffile.imwrite(tmp_path / "m.tif", np.full(SHAPE, 5, np.uint8))
    tifffile.imwrite(tmp_path / "zero.tif", np.zeros(SHAPE, np.uint8))
    tifffile.imwrite(tmp_path / "half.tif", np.full(SHAPE, 0.5, np.float32))
    (tmp_path / "cut.tif").write_bytes((tmp_path / "m.tif").read_bytes()[:-40])
    document, words = BAD[case]
    path = write(document)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError) as caught:
        load_prompts(path, stack)
    assert words in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_missing_and_binary_files(tmp_path, stack):
    with pytest.raises(UserError, match="no prompt file"):
        load_prompts(tmp_path / "nothing.json", stack)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="not a text file"):
        load_prompts(tmp_path / "binary.json", stack)
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="nested"):
        load_prompts(tmp_path / "deep.json", stack)


def test_prompts_outside_the_range(write, stack):
    path = write(one_object(points=[POINT]))
    assert load_prompts(path, stack, frames=(0, 1)).frames() == (0,)
    with pytest.raises(UserError, match="outside the range 1:3"):
        load_prompts(path, stack, frames=(1, 3))


def test_axis_is_known_before_the_stack_and_must_agree(write, stack):
    path = write(one_object(points=[POINT]) | {"axis": "z"})
    assert prompt_axis(path) == "z"
    with pytest.raises(UserError, match="along z"):
        load_prompts(path, stack)


def test_edges_of_the_plane_are_inside(write, stack):
    document = one_object(
        points=[POINT | {"yx": [-0.5, 39.5]}], boxes=[{"frame": 1, "yx": [[0, 0], list(SHAPE)]}]
    )
    assert len(load_prompts(write(document), stack)) == 2


coordinates = st.tuples(st.floats(-0.5, 29), st.floats(-0.5, 39))
places = {"object_id": st.integers(1, 4), "frame": st.integers(0, 3)}
points = st.builds(PointPrompt, **places, yx=coordinates, label=st.integers(0, 1))
boxes = st.builds(
    BoxPrompt,
    **places,
    yx0=st.tuples(st.floats(0, 10), st.floats(0, 10)),
    yx1=st.tuples(st.floats(11, 30), st.floats(11, 40)),
)
masks = st.builds(
    MaskPrompt,
    **places,
    mask=arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))).filter(np.any),
    offset=st.tuples(st.integers(0, 24), st.integers(0, 34)),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(points | boxes | masks, max_size=3), min_size=1, max_size=4))
def test_round_trip(batches):
    store = PromptStore(axis="t")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.json"
        for batch in batches:
            for prompt in batch:
                try:
                    store.add(prompt)
                except UserError:
                    store.set(prompt.object_id, prompt.frame, [prompt])
            write_prompts_json(path, store, SHAPE)
            assert read_prompts_json(path, SHAPE, partial=True) == {(): store}
        used = {
            m["path"] for o in json.loads(path.read_text())["objects"] for m in o.get("masks", [])
        }
        assert {f"p.masks/{p.name}" for p in (Path(folder) / "p.masks").glob("*")} == used


def test_masks_that_do_not_overlap_share_a_file(tmp_path):
    first, second = (MaskPrompt(n, 0, np.ones((3, 3)), (n * 4, 0)) for n in (1, 2))
    third = MaskPrompt(3, 0, np.ones((3, 3)), (5, 1))
    write_prompts_json(tmp_path / "p.json", PromptStore([first, second, third]), SHAPE)
    assert len(list((tmp_path / "p.masks").iterdir())) == 2


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "p.masks").mkdir()
    (tmp_path / "p.masks" / "mine.tif").touch()
    mask = MaskPrompt(1, 0, np.ones((3, 3)))
    for prompts in ([mask], []):
        write_prompts_json(tmp_path / "p.json", PromptStore(prompts), SHAPE)
    assert [p.name for p in (tmp_path / "p.masks").iterdir()] == ["mine.tif"]


def test_a_script_may_give_tuples_and_numpy_numbers(stack):
    point = {"frame": np.int64(2), "yx": (np.float32(1.5), 2), "label": 1}
    store = load_prompts(one_object(points=[point]), stack)
    assert list(store) == [PointPrompt(1, 2, (1.5, 2.0))]
    with pytest.raises(UserError, match="a number"):
        load_prompts(one_object(points=[point | {"yx": (object(), 2)}]), stack)


words = st.sampled_from(
    ["version", "axis", "objects", "id", "points", "boxes", "masks", "frame", "yx", "label", "path"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=3)
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner), max_leaves=12
)


@settings(deadline=None)
@given(documents, st.sampled_from(["document", "objects", "object", "point", "box", "mask"]))
def test_any_json_is_read_or_refused_in_words(value, place):
    document = {
        "document": value,
        "objects": {"version": 1, "objects": value},
        "object": {"version": 1, "objects": [value]},
        "point": one_object(points=[value]),
        "box": one_object(boxes=[{"frame": 0, "yx": value}]),
        "mask": one_object(masks=[{"frame": 0, "path": value, "value": 1}]),
    }[place]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.json"
        path.write_text(json.dumps(document))
        complaint = None
        try:
            found = read_prompts_json(path, SHAPE)
        except UserError as error:
            complaint = str(error)
    assert complaint.startswith("p.json") if complaint is not None else len(found) > 0


def test_failed_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p.json"
    old = PromptStore([PointPrompt(1, 0, (1, 1))])
    write_prompts_json(path, old, SHAPE)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        write_prompts_json(path, PromptStore([PointPrompt(2, 0, (1, 1))]), SHAPE)
    assert read_prompts_json(path, SHAPE) == {(): old}
    assert [p.name for p in tmp_path.iterdir()] == ["p.json"]
