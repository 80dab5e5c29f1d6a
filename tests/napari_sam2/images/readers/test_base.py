from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.base import find_scene, list_scenes, scene_note
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise


@pytest.mark.parametrize(
    ("scenes", "wanted", "position"),
    [
        (("a", "b"), "b", 1),
        (("a", "b"), 1, 1),
        (("a", "b"), "1", 1),
        (("1", "0"), "1", 0),
        (("1", "0"), 1, 1),
        (("a", "a"), 1, 1),
    ],
)
def test_scenes_are_found_by_name_then_by_number(scenes, wanted, position):
    assert find_scene(scenes, wanted, "file") == position


@pytest.mark.parametrize(
    ("scenes", "wanted", "words"),
    [
        (("a", "b"), "c", r"no scene 'c': choose one of 0 \(a\), 1 \(b\)"),
        (("a", "b"), 2, "no scene '2'"),
        (("a", "b"), -1, "no scene '-1'"),
        (("a", "a"), "a", r"several scenes 'a': choose by number \(0, 1\)"),
        (("a",), "b", "holds one image"),
    ],
)
def test_wrong_scenes_are_refused(scenes, wanted, words):
    with pytest.raises(UserError, match=words):
        find_scene(scenes, wanted, "file")


def test_many_scenes_are_listed_in_part():
    names = tuple(f"s{i}" for i in range(20))
    assert list_scenes(names).endswith("7 (s7), ... 20 in all")
    assert "20 images" in scene_note(names, 3, "file")[0]
    assert "3 (s3) is read" in scene_note(names, 3, "file")[0]
    assert scene_note(("one",), 0, "file") == ()


def test_a_chosen_scene_is_read_without_a_note(tmp_path):
    with tifffile.TiffWriter(tmp_path / "s.tif") as writer:
        writer.write(noise((5, 8, 9)), metadata={"axes": "TYX"})
        writer.write(noise((8, 20)))
    stack = open_stack(tmp_path / "s.tif", scene=1)
    assert (stack.source.scene, stack.shape, stack.notes) == (stack.source.scenes[1], (8, 20), ())


def test_an_array_has_no_scenes():
    with pytest.raises(UserError, match="holds one image"):
        open_stack(np.zeros((3, 8, 9)), scene=1)
