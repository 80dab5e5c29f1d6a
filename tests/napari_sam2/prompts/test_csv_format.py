"""Points from tables, plain and as napari saves them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.types import PointPrompt

HEADER = "object_id,frame,y,x,label\n"


@pytest.fixture
def stack():
    return open_stack(np.zeros((5, 30, 40), np.uint8), axes="TYX")


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "points.csv"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "2,1,3.5,4,0\n",
        HEADER.upper() + "2,1,3.5,4,0",
        "label; x; y; frame; object_id\n0; 4; 3.5; 1; 2\n\n",
        "frame\tobject_id\tnote\ty\tx\tlabel\n1.0\t2\thello\t3.5\t4\t0\n",
        "\ufeff" + HEADER + "2,1,3.5,4,0\r\n",
    ],
)
def test_plain_columns(write, stack, text):
    store = load_prompts(write(text), stack)
    assert list(store) == [PointPrompt(2, 1, (3.5, 4.0), 0)]
    assert store.axis == "t"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (HEADER, "no points"),
        ("object_id,frame,y,label\n1,0,2,1\n", "lacks the column x"),
        (HEADER + "1,0,5,5,1\n1,0,abc,5,1\n", "row 3: y is 'abc'"),
        (HEADER + "1,0,5,,1\n", "row 2: x is ''"),
        (HEADER + "1,0,5,5\n", "row 2: 4 values in 5 columns"),
        (HEADER + "1,0.5,5,5,1\n", "row 2: frame is 0.5"),
        (HEADER + "1,0,nan,5,1\n", "row 2: y is nan"),
        (HEADER + "0,0,5,5,1\n", "row 2: Object id 0"),
        (HEADER + "1,0,5,5,2\n", "label 2"),
        (HEADER + "1,7,5,5,1\n", "frames are 0 to 4"),
        (HEADER + "1,0,55,5,1\n", "outside the plane"),
    ],
)
def test_faults_say_the_row(write, stack, text, words):
    with pytest.raises(UserError, match=words):
        load_prompts(write(text), stack)


def test_points_as_napari_saves_them(tmp_path, stack):
    from napari.layers import Points
    from napari_builtins.io import napari_write_points

    layer = Points(
        [[0, 3.5, 4], [2, 10, 11]], features={"object_id": [3, 4], "label": [1, 0]}, ndim=3
    )
    path = napari_write_points(str(tmp_path / "layer.csv"), *layer.as_layer_data_tuple()[:2])
    assert list(load_prompts(path, stack)) == [
        PointPrompt(3, 0, (3.5, 4.0), 1),
        PointPrompt(4, 2, (10.0, 11.0), 0),
    ]


def test_napari_points_without_properties_are_inside_object_1(write, stack):
    path = write("index,axis-0,axis-1,axis-2\n0,1.0,5,6\n")
    assert list(load_prompts(path, stack)) == [PointPrompt(1, 1, (5.0, 6.0), 1)]


@pytest.mark.parametrize(
    ("axes", "along", "row", "expected"),
    [
        ("ZYX", "y", "1,2,3", PointPrompt(1, 2, (1, 3))),
        ("XYZ", "z", "1,2,3", PointPrompt(1, 1, (2, 3))),
        ("TZYX", "t", "4,1,2,3", PointPrompt(1, 4, (2, 3))),
        ("TZYX", "z", "3,1,2,3", PointPrompt(1, 1, (2, 3))),
        ("TCYX", "t", "4,1,2,3", PointPrompt(1, 4, (2, 3))),
    ],
)
def test_napari_axes_follow_the_stack(write, axes, along, row, expected):
    at = {axis: n for axis, n in {"z": 1, "t": 3}.items() if axis != along and "TZ" in axes}
    stack = open_stack(np.zeros((5,) * len(axes), np.uint8), axes=axes, along=along, at=at)
    columns = ",".join(f"axis-{i}" for i in range(len(axes)))
    assert list(load_prompts(write(f"{columns}\n{row}\n"), stack)) == [expected]


def test_named_columns_may_have_any_order(write):
    stack = open_stack(np.zeros((5, 6, 7), np.uint8), axes="ZYX")
    path = write("axis-x,axis-z,axis-y\n4,1,3\n")
    assert list(load_prompts(path, stack)) == [PointPrompt(1, 1, (3, 4))]
    with pytest.raises(UserError, match="do not name each axis"):
        load_prompts(write("axis-x,axis-y\n4,1\n"), stack)
    with pytest.raises(UserError, match="do not name each axis"):
        load_prompts(write("axis-x,axis-y,axis-y\n4,1,1\n"), stack)


@pytest.mark.parametrize("axes", ["TZYX", "ZTYX", "XYZT"])
def test_axes_of_length_1_may_be_missing(write, axes):
    lengths = {"T": 1, "Z": 5, "Y": 6, "X": 7}
    stack = open_stack(np.zeros([lengths[a] for a in axes], np.uint8), axes=axes)
    expected = [PointPrompt(1, 2, (3, 4))]
    assert list(load_prompts(write("axis-0,axis-1,axis-2\n2,3,4\n"), stack)) == expected
    named = write("axis-0,axis-1,axis-2,axis-3\n0,2,3,4\n")
    assert list(load_prompts(named, stack)) == expected


def test_napari_points_elsewhere_are_refused(write):
    stack = open_stack(np.zeros((5, 5, 9, 9), np.uint8), axes="TZYX", along="t", at={"z": 1})
    with pytest.raises(UserError, match="row 2: the point lies on z=2, not on z=1"):
        load_prompts(write("axis-0,axis-1,axis-2,axis-3\n0,2,3,4\n"), stack)
    with pytest.raises(UserError, match="have 3 axes, the stack has 4"):
        load_prompts(write("axis-0,axis-1,axis-2\n0,2,3\n"), stack)
    with pytest.raises(UserError, match="row 2: frame 9"):
        load_prompts(write("axis-0,axis-1,axis-2,axis-3\n9,1,3,4\n"), stack)


@given(st.lists(st.lists(st.text('0123456789.-e,;\t"nanif ', max_size=5), max_size=6), max_size=4))
def test_any_table_is_read_or_refused_in_words(cells):
    stack = open_stack(np.zeros((5, 30, 40), np.uint8), axes="TYX")
    text = HEADER + "\n".join(",".join(row) for row in cells)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_text(text)
        complaint = None
        try:
            found = load_prompts(path, stack)
        except UserError as error:
            complaint = str(error)
    assert complaint if complaint is not None else len(found) > 0
