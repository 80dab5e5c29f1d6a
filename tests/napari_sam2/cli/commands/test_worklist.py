"""``napari-sam2 worklist`` starts napari with a list of stacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_sam2.cli.app import run


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are started, in place of napari."""
    commands: list[list[str]] = []

    def start(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 5)

    monkeypatch.setattr(subprocess, "run", start)
    return commands


def test_napari_is_started_with_the_folder(tmp_path: Path, monkeypatch, started) -> None:
    (tmp_path / "a.tif").write_bytes(b"x")
    monkeypatch.chdir(tmp_path.parent)
    assert run(["worklist", tmp_path.name]) == 5
    assert started == [[sys.executable, "-m", "napari_sam2._qt.worklist", str(tmp_path)]]


def test_a_folder_without_stacks_is_refused_before_napari_starts(
    tmp_path: Path, capsys, started
) -> None:
    assert run(["worklist", str(tmp_path)]) == 2
    assert "has no stack" in capsys.readouterr().err
    assert started == []
