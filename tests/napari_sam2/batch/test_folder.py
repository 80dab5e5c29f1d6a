"""Stacks of a folder and their prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.batch.folder import read_folder
from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.saved_sessions import create_saved_sessions
from tests.helpers.fakes import FakePredictor


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"x")


def test_stacks_are_paired_with_prompts_and_the_rest_is_listed(tmp_path: Path) -> None:
    fill(tmp_path, "a.tif", "a.prompts.json", "b.nii.gz", "b.prompts.csv", "c.nd2")
    fill(tmp_path, "c.labels.tif", "d.tif", "e.prompts.json", "notes.txt", ".hidden")
    found = read_folder(tmp_path)
    assert [(s.name, Path(str(s.options["prompts"])).name) for s in found.stacks] == [
        ("a", "a.prompts.json"),
        ("b", "b.prompts.csv"),
        ("c", "c.labels.tif"),
    ]
    assert found.left_out == {
        "d.tif": "no prompts",
        "e.prompts.json": "no stack of this name",
        "notes.txt": "not an image",
    }


def test_a_search_takes_stacks_without_prompts(tmp_path: Path) -> None:
    fill(tmp_path, "a.tif", "a.prompts.json", "d.tif")
    (tmp_path / "series").mkdir()
    found = read_folder(tmp_path, find=True)
    assert [s.name for s in found.stacks] == ["a", "d", "series"]
    assert [bool(s.options) for s in found.stacks] == [True, False, False]
    assert "d.tif has no prompts" in found.stacks[1].notes[0]


def test_a_session_belongs_to_its_image(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((5, 32, 32), np.uint8), metadata={"axes": "TYX"})
    sessions = create_saved_sessions(open_stack(tmp_path / "m.tif"), FakePredictor())
    sessions[()].prompts.add(PointPrompt(1, 0, (3, 4)))
    sessions.close()
    [stack] = read_folder(tmp_path).stacks
    assert Path(str(stack.options["prompts"])).name == "m-t.sam2-session"
    fill(tmp_path, "m.prompts.json")
    with pytest.raises(UserError, match="several prompts"):
        read_folder(tmp_path)


def test_outputs_of_runs_are_no_stacks(tmp_path: Path) -> None:
    fill(tmp_path, "a.tif", "a.prompts.json")
    (tmp_path / "a.zarr.sam2").mkdir()
    assert [s.name for s in read_folder(tmp_path, find=True).stacks] == ["a"]


def test_labels_that_the_widget_saved_are_no_stacks(tmp_path: Path) -> None:
    fill(tmp_path, "a.tif", "a-labels.tif", "a-labels-2.tif", "b-labels.tif")
    found = read_folder(tmp_path, find=True)
    assert [s.name for s in found.stacks] == ["a", "b-labels"]
    reason = "labels that were saved"
    assert found.left_out == {"a-labels-2.tif": reason, "a-labels.tif": reason}


@pytest.mark.parametrize("names", [(), ("a.txt",), ("a.tif",), ("a.prompts.json",)])
def test_a_folder_without_a_stack_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    fill(tmp_path, *names)
    with pytest.raises(UserError, match=r"no stack with prompts.*--find everything"):
        read_folder(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "a.tif", "a.nii.gz", "a.prompts.json")
    with pytest.raises(UserError, match="Two stacks have the name a"):
        read_folder(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        read_folder(tmp_path / "none")
