"""Sets of TIFF files that a companion file describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.images.stack import open_stack
from tests.helpers.companion_files import BLOCK, ID, IMAGE, XML, write_set
from tests.helpers.stack_files import noise


def everything(stack: Any) -> np.ndarray:
    return stack.source.levels[0][(slice(None),) * len(stack.axes)]


@pytest.mark.parametrize(
    "more", [' IFD="0" PlaneCount="{z}"', ' PlaneCount="{z}"', ""], ids=["all", "count", "none"]
)
def test_a_set_is_one_movie_of_volumes(tmp_path: Path, more: str) -> None:
    pixels = noise((1, 2, 2, 3, 20, 30))
    stack = open_stack(write_set(tmp_path, pixels, more=more))
    assert stack.axes == "TCZYX"
    np.testing.assert_array_equal(everything(stack), pixels[0])
    assert stack.scale == (5.0, 2.0, 0.25, 0.25)
    assert stack.source.channel_names == ("ch0", "ch1")
    assert len(stack.source.files) == 5
    assert stack.source.notes == ()


def test_pages_follow_the_dimension_order(tmp_path: Path) -> None:
    pixels = noise((1, 2, 3, 2, 20, 30))
    write_set(tmp_path, pixels)
    options: Any = {"metadata": None, "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "all.tif", pixels[0].transpose(0, 2, 1, 3, 4), **options)
    path = tmp_path / "set.companion.ome"
    block = BLOCK.format(t=0, c=0, file="all.tif", id=ID, more="")
    facts = {"n": 0, "name": "", "channels": "", "order": "XYCZT"}
    image = IMAGE.format(**facts, x=30, y=20, z=2, c=3, t=2, blocks=block)
    path.write_text(XML.format(id=ID, images=image))
    np.testing.assert_array_equal(everything(open_stack(path)), pixels[0])


def test_images_are_scenes_and_the_folder_is_the_set(tmp_path: Path) -> None:
    pixels = noise((2, 2, 1, 3, 20, 30))
    write_set(tmp_path, pixels)
    stack = open_stack(tmp_path, scene="field 1")
    found = everything(stack).reshape(2, 3, 20, 30)
    np.testing.assert_array_equal(found, pixels[1, :, 0])
    assert any("--scene" in note for note in open_stack(tmp_path).notes)


def test_a_missing_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pixels = noise((1, 3, 1, 1, 20, 30))
    path = write_set(tmp_path, pixels)
    (tmp_path / "s0_t1_c0.tif").unlink()
    stack = open_stack(path, along="t")
    (note,) = stack.source.notes
    assert note.startswith(
        "1 of 3 planes are missing. Files of this set are missing (s0_t1_c0.tif)"
    )
    np.testing.assert_array_equal(stack.read(stack.index(2))[0], pixels[0, 2, 0, 0])
    with pytest.raises(StackReadError, match=r"missing: s0_t1_c0\.tif"):
        stack.read(stack.index(1))


def test_one_file_of_a_set_names_the_companion(tmp_path: Path) -> None:
    write_set(tmp_path, noise((1, 2, 1, 3, 20, 30)))
    notes = open_stack(tmp_path / "s0_t0_c0.tif").notes
    assert any("set.companion.ome" in note and "Open that file" in note for note in notes)


def _outside() -> str:
    """Return an image with a plane at a time that it does not have."""
    block = BLOCK.format(t=9, c=0, file="set.tif", id=ID, more="")
    facts = {"n": 0, "name": "", "channels": "", "order": "XYCZT"}
    return IMAGE.format(**facts, x=30, y=20, z=2, c=3, t=2, blocks=block)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<OME", "OME-XML of a.companion.ome is damaged"),
        (XML.format(id=ID, images=""), "names no TIFF files"),
        (XML.format(id=ID, images=_outside()), "OME-XML of a.companion.ome is damaged"),
    ],
)
def test_damaged_companions_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.companion.ome").write_text(text)
    (tmp_path / "set.tif").touch()
    with pytest.raises(UserError, match=message):
        open_stack(tmp_path / "a.companion.ome")


def test_a_companion_without_its_files_is_refused(tmp_path: Path) -> None:
    path = write_set(tmp_path, noise((1, 2, 1, 3, 20, 30)))
    for file in tmp_path.glob("*.tif"):
        file.unlink()
    with pytest.raises(UserError, match=r"s0_t0_c0\.tif is missing: copy the TIFF files"):
        open_stack(path)


def test_several_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    path = write_set(tmp_path, noise((1, 2, 1, 3, 20, 30)))
    (tmp_path / "other.companion.ome").write_bytes(path.read_bytes())
    with pytest.raises(UserError, match=r"open one of other\.companion\.ome, set\.companion\.ome"):
        open_stack(tmp_path)
