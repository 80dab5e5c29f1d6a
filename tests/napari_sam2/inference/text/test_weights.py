"""Text models from a hub: downloaded once, and what fails has a message."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from napari_sam2.inference.model_catalog import LoadCancelled
from napari_sam2.inference.text import weights
from napari_sam2.inference.text.catalog import DEFAULT_TEXT_MODEL, TEXT_MODELS
from napari_sam2.inference.text_detector import load_text_detector
from sam2_model.checkpoint.registry import Registry
from sam2_model.errors import CheckpointError
from tests.helpers.hub_folder import HubFolder

MODEL = TEXT_MODELS[DEFAULT_TEXT_MODEL]
_Usage = namedtuple("_Usage", "total used free")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a repository, without a model in them."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("config.json", "vocab.txt", "README.md", "pytorch_model.bin"):
        (folder / name).write_text(json.dumps({"of": name}))
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 400)
    return folder


@pytest.fixture
def hub(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubFolder]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with HubFolder(MODEL.repository, files).running() as server:
        alternative = weights.text_hub().alternative
        made = Registry((), server.url, tmp_path / "cache", alternative=alternative)
        monkeypatch.setattr(weights, "text_hub", lambda: made)
        yield server


def cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.glob("cache/*/snapshots/*/*"))


def test_the_files_that_are_read_are_downloaded_once_and_the_weights_last(
    hub: HubFolder, files: Path
) -> None:
    assert not weights.is_downloaded(MODEL)
    seen: list[tuple[int, int]] = []
    folder = weights.fetch_text_model(MODEL, lambda done, total: seen.append((done, total)))
    assert hub.fetched == ["config.json", "vocab.txt", "model.safetensors"]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    size = sum((files / name).stat().st_size for name in hub.fetched)
    assert (seen[-1], {total for _, total in seen}) == ((size, size), {size})
    assert (folder / "config.json").read_text() == (files / "config.json").read_text()
    assert weights.is_downloaded(MODEL)
    assert weights.fetch_text_model(MODEL) == folder
    assert len(hub.fetched) == 3


def test_a_model_of_the_hub_finds_boxes(hub: HubFolder, text_model: Path) -> None:
    shutil.copytree(text_model, hub.folder, dirs_exist_ok=True)
    (hub.folder / "pytorch_model.bin").unlink()
    detector = load_text_detector(MODEL.name)
    assert detector is load_text_detector(MODEL.name, "tcp://host:8786")


def test_a_download_is_canceled_and_continued(hub: HubFolder, tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        if done > 1000:
            raise LoadCancelled

    with pytest.raises(LoadCancelled):
        weights.fetch_text_model(MODEL, cancel)
    assert not weights.is_downloaded(MODEL)
    assert "model.safetensors" not in cached(tmp_path)
    assert (weights.fetch_text_model(MODEL) / "model.safetensors").is_file()


def test_offline_mode_has_advice(hub: HubFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=r"offline mode is on.*the folder of a text model"):
        weights.fetch_text_model(MODEL)
    assert hub.fetched == []


def test_no_network_has_advice(hub: HubFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = weights.text_hub()
    gone = Registry((), "http://127.0.0.1:9", registry.cache, alternative=registry.alternative)
    monkeypatch.setattr(weights, "text_hub", lambda: gone)
    with pytest.raises(CheckpointError, match=r"no network.*the folder of a text model"):
        weights.fetch_text_model(MODEL)


@pytest.mark.parametrize("name", ["", "config.json", "model.safetensors"])
@pytest.mark.parametrize("status", [401, 404, 500])
def test_answers_of_the_hub_are_named(
    hub: HubFolder, name: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.failing = {name: status}
    with pytest.raises(CheckpointError, match=rf"hub answers {status} for .*text model"):
        weights.fetch_text_model(MODEL)
    assert not weights.is_downloaded(MODEL)


def test_a_file_with_another_content_is_deleted(hub: HubFolder, tmp_path: Path) -> None:
    hub.altered = {"model.safetensors"}
    with pytest.raises(CheckpointError, match="a proxy between this machine and the hub"):
        weights.fetch_text_model(MODEL)
    assert "model.safetensors" not in cached(tmp_path)
    hub.altered = set()
    assert weights.fetch_text_model(MODEL).is_dir()


def test_a_full_disk_is_noticed_before_the_download(
    hub: HubFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**6, 10**6 - 50_000, 50_000))
    with pytest.raises(CheckpointError, match=r"The disk of .* is too full"):
        weights.fetch_text_model(MODEL)
    assert "model.safetensors" not in cached(tmp_path)


def test_names_have_a_license_and_a_size() -> None:
    for name, model in TEXT_MODELS.items():
        assert name == model.name
        assert model.license == "Apache-2.0"
        assert abs(model.download_bytes - 4 * model.parameters) < 6e6
        assert f"{model.download_bytes / 1e6:.0f} MB" in model.about


def test_the_documentation_lists_the_models_with_their_sizes() -> None:
    page = Path(__file__).parents[4] / "docs" / "tutorials" / "text-in-a-video.md"
    rows = re.findall(
        r"^\| `([\w-]+)`.*? \| (\d+) million \| (\d+) MB \| (\S+) \|$", page.read_text(), re.M
    )
    assert {row[0]: row[1:] for row in rows} == {
        name: (
            f"{model.parameters / 1e6:.0f}",
            f"{model.download_bytes / 1e6:.0f}",
            model.license,
        )
        for name, model in TEXT_MODELS.items()
    }
