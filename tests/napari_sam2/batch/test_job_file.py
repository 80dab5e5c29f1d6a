"""Job files of a batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_sam2.batch.job_file import read_job_file
from napari_sam2.core.errors import UserError


def written(folder: Path, text: str) -> Path:
    path = folder / "jobs.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_options_and_paths(tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(b"x")
    path = written(
        tmp_path,
        """
options: {model: mine.pt, range: 10:50, refine: yes}
stacks:
  - {input: sub/a.tif, prompts: a.json, channel: [0, 2], min-size: 5}
  - {input: "https://host/b.zarr", name: second, model: micro}
""",
    )
    found = read_job_file(path)
    first, second = found.stacks
    assert found.options == {
        "model": str(tmp_path / "mine.pt"),
        "range": "10:50",
        "refine": "yes",
    }
    assert (first.name, first.source) == ("a", str(tmp_path / "sub" / "a.tif"))
    assert first.options == {
        "prompts": str(tmp_path / "a.json"),
        "channel": ("0", "2"),
        "min_size": "5",
    }
    assert (second.name, second.source) == ("second", "https://host/b.zarr")
    assert second.options == {"model": "micro"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a mapping"),
        ("- a", "is not a mapping"),
        ("stacks: []", "has no stacks"),
        ("options: {model: micro}", "has no stacks"),
        ("stacks: [{input: a.tif}]\nmodel: micro", "unknown key model"),
        ("stacks: [{prompts: a.json}]", "stack 1 has no input"),
        ("stacks: [{input: [a.png, b.png]}]", "stack 1 has no input"),
        ("stacks: [a.tif]", "stack 1 is not a mapping"),
        ("stacks: [{input: a.tif, at: {z: 1}}]", "at is neither a text"),
        ("stacks: [{input: a.tif, name: [a]}]", "name is not text"),
        ("stacks: [{input: a/x.tif}, {input: b/x.tif}]", "Two stacks have the name x"),
        ("stacks: [{input: a.tif", "is not valid YAML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_job_file(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        read_job_file(tmp_path / "none.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_bytes(b"\xff\xfe\x00stacks")
    with pytest.raises(UserError, match="is not valid YAML"):
        read_job_file(path)
