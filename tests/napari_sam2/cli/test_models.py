"""The models commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from napari_sam2.cli.commands.models import app
from napari_sam2.inference.text.catalog import TEXT_MODELS, TextModel
from sam2_model.checkpoint import registry, save_model
from sam2_model.errors import CheckpointError
from tests.helpers.networks import network

runner = CliRunner()


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.parametrize("columns", ["80", "160"])
def test_list_truncates_nothing(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = runner.invoke(app, ["list"]).output
    names = [*TEXT_MODELS, *(release.name for release in registry.RELEASES.releases)]
    assert all(name in shown for name in names)
    assert shown.count("Apache-2.0") == len(names)
    assert "…" not in shown


def test_list_shows_sizes_and_the_default() -> None:
    shown = runner.invoke(app, ["list"])
    assert shown.exit_code == 0
    assert "156 MB" in shown.output
    assert "224.4 M" in shown.output
    assert "The model auto is micro here." in shown.output


def test_info_identifies_a_file(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "mine.safetensors")
    shown = runner.invoke(app, ["info", str(tmp_path / "mine.safetensors")])
    assert shown.exit_code == 0
    assert "small, SAM 2.1" in shown.output
    assert "64 px" in shown.output


def test_download_prints_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.pt"
    path.write_bytes(b"weights")
    fetched = []

    def fetch(found: object, file: registry.HubFile, progress: object) -> Path:
        fetched.append(file.repository)
        return path

    monkeypatch.setattr("sam2_model.checkpoint.load.fetch", fetch)
    shown = runner.invoke(app, ["download", "sam2.1_hiera_t"])
    assert shown.exit_code == 0
    assert fetched == ["facebook/sam2.1-hiera-tiny"]
    assert f"sam2.1_hiera_tiny is at {path}" in shown.output.replace("\n", "")


def test_a_text_model_is_downloaded_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    def fetch(model: TextModel, progress: Callable[[int, int], None]) -> Path:
        fetched.append(model.repository)
        progress(1, 2)
        return tmp_path

    monkeypatch.setattr("napari_sam2.inference.text.weights.fetch_text_model", fetch)
    shown = runner.invoke(app, ["download", "llmdet-tiny"])
    assert shown.exit_code == 0
    assert fetched == ["iSEE-Laboratory/llmdet_tiny"]
    assert f"llmdet-tiny is at {tmp_path}" in shown.output.replace("\n", "")


def test_all_names_are_checked_before_the_download() -> None:
    shown = runner.invoke(app, ["download", "sam2.1_hiera_tiny", "sam3"])
    assert isinstance(shown.exception, CheckpointError)
    assert "There is no model 'sam3'" in str(shown.exception)


@pytest.mark.parametrize("name", ["sam2.1_hiera_tiny", "llmdet-tiny"])
def test_download_without_a_network(name: str) -> None:
    shown = runner.invoke(app, ["download", name])
    assert isinstance(shown.exception, CheckpointError)
    assert "offline mode is on" in str(shown.exception)
