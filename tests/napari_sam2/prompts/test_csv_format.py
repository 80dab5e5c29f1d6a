"""Points from tables, plain and as napari saves them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import LayerCoordinates
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.types import BoxPrompt, PointPrompt
from napari_sam2.viewer.layers.shapes import ShapesLayer

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
        (HEADER, "no prompts"),
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
    with pytest.raises(UserError, match="several columns axis-y"):
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
    with pytest.raises(UserError, match="row 2: it lies on z=2, not on z=1"):
        load_prompts(write("axis-0,axis-1,axis-2,axis-3\n0,2,3,4\n"), stack)
    with pytest.raises(UserError, match="have 3 axes, the stack has 4"):
        load_prompts(write("axis-0,axis-1,axis-2\n0,2,3\n"), stack)
    with pytest.raises(UserError, match="row 2: frame 9"):
        load_prompts(write("axis-0,axis-1,axis-2,axis-3\n9,1,3,4\n"), stack)


@pytest.mark.parametrize(
    "text",
    [
        "object_id;frame;y;x;label\n2;1;3,5;4,25;0\n",
        "object_id\tframe\ty\tx\tlabel\n2\t1\t3,5\t4,25\t0\n",
        "sep=;\nobject_id;frame;y;x;label\n2;1;3,5;4,25;0\n",
        "\ufeffSEP=;\r\nobject_id;frame;y;x;label\r\n2;1;3,5;4,25;0\r\n",
        "sep=|\nobject_id|frame|y|x|label\n2|1|3.5|4.25|0\n",
        'sep=,\nobject_id,frame,y,x,label\n2,1,"3.5",4.25,0\n',
    ],
)
def test_tables_of_spreadsheets(write, stack, text):
    assert list(load_prompts(write(text), stack)) == [PointPrompt(2, 1, (3.5, 4.25), 0)]


@given(
    st.lists(st.tuples(st.floats(0, 29), st.floats(0, 39)), min_size=1, max_size=5),
    st.sampled_from(";\t|"),
)
def test_decimal_commas_give_the_same_points_as_decimal_points(places, separator):
    stack = open_stack(np.zeros((5, 30, 40), np.uint8), axes="TYX")
    rows = [f"1,0,{y!r},{x!r},1".split(",") for y, x in places]
    found = []
    for mark, delimiter in ((".", ","), (",", separator)):
        lines = [HEADER.strip().split(","), *[[c.replace(".", mark) for c in row] for row in rows]]
        text = f"sep={delimiter}\n" + "\n".join(delimiter.join(line) for line in lines)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "points.csv"
            path.write_text(text)
            found.append(list(load_prompts(path, stack)))
    assert found[0] == found[1]


def test_a_decimal_comma_is_refused_where_commas_separate_columns(write, stack):
    with pytest.raises(UserError, match="row 2: y is '3,5'"):
        load_prompts(write(HEADER + '1,0,"3,5",4,1\n'), stack)
    with pytest.raises(UserError, match=r"row 3: y is '1\.234,5'"):
        load_prompts(write("sep=;\nobject_id;frame;y;x;label\n1;0;1.234,5;4;1\n"), stack)


SHAPES = "index,shape-type,vertex-index,axis-0,axis-1,axis-2\n"


def _rows(index, kind, frame, *places):
    return "".join(f"{index},{kind},{i},{frame},{y},{x}\n" for i, (y, x) in enumerate(places))


BOX = ((2, 3), (2, 9), (8, 9), (8, 3))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_spreadsheets(tmp_path, stack, encoding):
    path = tmp_path / "points.csv"
    path.write_text("Größe;object_id;frame;y;x;label\n1;2;3;4,5;6;1\n", encoding)
    assert list(load_prompts(path, stack)) == [PointPrompt(2, 3, (4.5, 6))]


def test_repeated_columns_are_refused(write, stack):
    with pytest.raises(UserError, match="several columns y"):
        load_prompts(write("object_id,frame,Y,x,y,label\n1,0,5,6,7,1\n"), stack)


def test_a_shapes_layer_gives_one_object_a_shape(write, stack):
    text = SHAPES + _rows(0, "rectangle", 0, *BOX) + _rows(1, "polygon", 2, (1, 1), (1, 6), (6, 1))
    box, mask = load_prompts(write(text), stack)
    assert box == BoxPrompt(1, 0, (2.5, 3.5), (8.5, 9.5))
    assert (mask.object_id, mask.frame, mask.offset) == (2, 2, (1, 1))
    assert mask.mask[0, :5].all()
    assert not mask.mask[4, 4]


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "polygon"])
def test_shapes_as_napari_saves_them_are_the_prompts_of_the_layer(tmp_path, stack, kind):
    from napari.layers import Shapes
    from napari_builtins.io import napari_write_shapes

    places = np.array([[1, y + 0.25, x + 0.5] for y, x in BOX])
    tilted = places + np.array([[0, 0, 2], [0, 2, 0], [0, 0, -2], [0, -2, 0]])
    layer = Shapes([places, tilted], shape_type=kind, ndim=3, features={"object_id": [1, 2]})
    path = napari_write_shapes(str(tmp_path / "s.csv"), *layer.as_layer_data_tuple()[:2])
    drawn = ShapesLayer(layer, LayerCoordinates.of(stack)).prompts()
    assert list(load_prompts(path[0] if isinstance(path, list) else path, stack)) == [
        *drawn.values()
    ]


def test_a_column_names_the_objects_of_shapes(write, stack):
    header = SHAPES.strip() + ",object_id\n"
    rows = _rows(0, "rectangle", 0, *BOX) + _rows(1, "rectangle", 3, *BOX)
    text = header + rows.replace("\n", ",7\n")
    assert [(p.object_id, p.frame) for p in load_prompts(write(text), stack)] == [(7, 0), (7, 3)]


def test_shapes_are_cut_off_at_the_edges_of_the_plane(write, stack):
    around = ((-3, -4), (-3, 5), (6, 5), (6, -4))
    text = SHAPES + _rows(0, "rectangle", 0, *around) + _rows(1, "polygon", 0, *around)
    box, mask = load_prompts(write(text), stack)
    assert (box.yx0, box.yx1) == ((0, 0), (6.5, 5.5))
    assert mask.offset == (0, 0)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (_rows(0, "line", 0, (1, 1), (5, 5)), "row 2: A line has no inside"),
        (_rows(0, "rectangle", 0, *BOX) + _rows(1, "path", 0, *BOX), "row 6: A path has no inside"),
        (_rows(0, "polygon", 0, (1, 1)) + _rows(0, "polygon", 1, (5, 5)), "several frames"),
        (_rows(0, "rectangle", 0, *[(50 + y, x) for y, x in BOX]), "encloses no pixel"),
        (_rows(0, "rectangle", 9, *BOX), "row 2: frame 9"),
        (_rows("a", "rectangle", 0, *BOX), "row 2: index is 'a'"),
    ],
)
def test_shapes_that_are_no_prompts(write, stack, rows, words):
    with pytest.raises(UserError, match=words):
        load_prompts(write(SHAPES + rows), stack)


@settings(deadline=None)
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


def test_a_frame_that_is_not_the_position_along_the_axis_is_refused(write, stack):
    table = write("object_id,frame,t,y,x,label\n1,0,1,2,3,1\n")
    with pytest.raises(UserError, match=r"row 2: frame is 0, but t is 1\. Remove one"):
        load_prompts(table, stack)
