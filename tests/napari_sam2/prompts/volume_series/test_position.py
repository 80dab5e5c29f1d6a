"""Positions of prompts in files: written and read, and compared with that of a stack."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.json_format import read_prompts_json, write_prompts_json
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt

SHAPE = (12, 16)
KINDS = ("point", "box", "mask")
POINTS = st.builds(
    PointPrompt,
    st.integers(1, 3),
    st.integers(0, 4),
    st.tuples(st.floats(0, 11), st.floats(0, 15)),
    st.integers(0, 1),
)


def prompts_of(points: list[PointPrompt], kind: str) -> list[Prompt]:
    """Return points, or one box or mask for each object and frame of the points."""
    keys = sorted({(point.object_id, point.frame) for point in points})
    if kind == "point":
        return [*points]
    if kind == "box":
        return [BoxPrompt(o, f, (f, o), (f + 3, o + 4)) for o, f in keys]
    return [MaskPrompt(o, f, np.ones((o, f + 1), bool), (f, o)) for o, f in keys]


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 5),
        st.tuples(
            st.lists(POINTS, min_size=1, max_size=4), st.sampled_from(["point", "box", "mask"])
        ),
        min_size=1,
        max_size=3,
    )
)
def test_prompts_at_several_time_points_are_read_as_written(
    volumes: dict[int, tuple[list[PointPrompt], str]],
) -> None:
    stores = {
        (("t", t),): PromptStore(prompts_of(points, kind), "z", (("t", t),))
        for t, (points, kind) in sorted(volumes.items())
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompts.json"
        write_prompts_json(path, [store.snapshot() for store in stores.values()], SHAPE)
        found = read_prompts_json(path, SHAPE)
        assert found == stores
        assert all(store.position == position for position, store in found.items())


def test_a_stack_takes_prompts_at_its_own_position_only(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    store = PromptStore([PointPrompt(1, 2, (3, 4))], "z", (("t", 1),))
    write_prompts_json(path, store, SHAPE)
    data = np.zeros((2, 5, *SHAPE), np.uint8)
    assert list(load_prompts(path, open_stack(data, axes="TZYX", along="z", at={"t": 1}))) == [
        PointPrompt(1, 2, (3, 4))
    ]
    with pytest.raises(UserError, match=r"it lies on t=1, not on t=0\. Choose t=1, or follow"):
        load_prompts(path, open_stack(data, axes="TZYX", along="z", at={"t": 0}))
    along_time = open_stack(data, axes="TZYX", along="t", at={"z": 2})
    with pytest.raises(UserError, match="counted along z"):
        load_prompts({"version": 1, "axis": "z", "objects": [POINT]}, along_time)


POINT = {"id": 1, "points": [{"frame": 2, "yx": [3, 4], "label": 1}]}


@pytest.mark.parametrize(
    ("along", "at", "frame"), [("z", {"t": 1}, 2), ("t", {"z": 2}, 1)], ids=["z", "t"]
)
def test_columns_give_frame_and_position(
    tmp_path: Path, along: str, at: dict[str, int], frame: int
) -> None:
    path = tmp_path / "points.csv"
    path.write_text("object_id,t,z,y,x,label\n1,1,2,3,4,1\n")
    stack = open_stack(np.zeros((2, 5, *SHAPE), np.uint8), axes="TZYX", along=along, at=at)
    assert list(load_prompts(path, stack)) == [PointPrompt(1, frame, (3, 4))]
    other = stack.with_along(along)
    with pytest.raises(UserError, match=r"points\.csv, row 2: it lies on .=., not on .=0"):
        load_prompts(path, other)


def test_columns_of_axes_that_the_images_lack_are_ignored_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("object_id,frame,z,y,x,label\n1,1,7.5,3,4,1\n")
    stack = open_stack(np.zeros((3, *SHAPE), np.uint8), axes="TYX")
    store = load_prompts(path, stack)
    assert list(store) == [PointPrompt(1, 1, (3, 4))]
    assert store.notes == ("The column z of points.csv is ignored: the images have no axis z.",)
    path.write_text("object_id,frame,z,y,x,label\n1,1,0,3,4,1\n")
    assert load_prompts(path, stack).notes == ()
