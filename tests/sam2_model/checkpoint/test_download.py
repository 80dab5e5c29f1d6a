"""Downloads from a hub that is slow, breaks off, sends wrong files, or goes away for a while."""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from huggingface_hub import constants, file_download

from sam2_model.checkpoint import (
    auto_model_name,
    available_models,
    load_model,
    weights_hash,
)
from sam2_model.checkpoint.download import cached_file
from sam2_model.checkpoint.registry import HubFile, Registry, Release
from sam2_model.errors import CheckpointError
from tests.helpers.hub_server import COMMIT, Hub, running
from tests.helpers.networks import SMALL, network

REPOSITORY, FILENAME = "someone/small", "small.pt"
_Usage = namedtuple("_Usage", "total used free")


@pytest.fixture(scope="module")
def content() -> bytes:
    file = io.BytesIO()
    torch.save({"model": network().state_dict()}, file)
    return file.getvalue()


@pytest.fixture
def hub(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 32 * 1024)
    with running(Hub(content, f"/{REPOSITORY}/resolve/main/{FILENAME}")) as server:
        yield server


@pytest.fixture
def registry(hub: Hub, tmp_path: Path) -> Registry:
    release = Release(SMALL, 0, len(hub.content), "tests", HubFile(REPOSITORY, FILENAME))
    return Registry((release,), endpoint=hub.url, cache=tmp_path / "hub")


def _load(registry: Registry, progress: Any = None) -> str:
    model = load_model("small", device="cpu", registry=registry, progress=progress)
    return weights_hash(model)


def _left_over(registry: Registry) -> list[Path]:
    assert registry.cache is not None
    folders = ("blobs", "snapshots")
    found = [p for name in folders for p in registry.cache.glob(f"models--*/{name}/**/*")]
    return [path for path in found if path.is_file() or path.is_symlink()]


def test_a_slow_hub_reports_progress(hub: Hub, registry: Registry) -> None:
    hub.pause = 0.002
    seen: list[tuple[int, int]] = []
    assert _load(registry, lambda here, whole: seen.append((here, whole))) == weights_hash(
        network()
    )
    assert len(seen) > 3
    assert [here for here, _ in seen] == sorted(here for here, _ in seen)
    assert seen[-1] == (len(hub.content), len(hub.content))


def test_what_was_fetched_needs_no_network(hub: Hub, registry: Registry) -> None:
    assert not available_models(registry)[0].is_here
    first = _load(registry)
    hub.stop()
    assert _load(registry) == first
    assert available_models(registry)[0].is_here
    assert hub.ranges == [None]


def test_a_download_that_breaks_off_is_resumed(hub: Hub, registry: Registry) -> None:
    hub.cuts = [len(hub.content) // 2]
    assert _load(registry) == weights_hash(network())
    _resumed(hub)


def test_a_hub_that_goes_away_and_comes_back(hub: Hub, registry: Registry) -> None:
    hub.cuts, hub.away = [len(hub.content) // 2], 0.5
    assert _load(registry) == weights_hash(network())
    _resumed(hub)


def test_a_download_that_fails_for_good_leaves_nothing_and_can_be_repeated(
    hub: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = len(hub.content) // 2
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", lambda seconds: None)
        hub.cuts = [half] + [0] * 30
        with pytest.raises(CheckpointError, match=r"cannot be downloaded: .*try again"):
            _load(registry)
    assert not available_models(registry)[0].is_here
    assert _left_over(registry) == []
    hub.cuts = []
    assert _load(registry) == weights_hash(network())


def test_the_progress_callback_cancels_the_download(hub: Hub, registry: Registry) -> None:
    with pytest.raises(KeyboardInterrupt):
        _load(registry, _press_ctrl_c)
    assert _left_over(registry) == []
    assert _load(registry) == weights_hash(network())
    assert hub.ranges == [None, None]


def test_a_callback_that_failed_unnoticed_cancels_after_the_download(
    hub: Hub, registry: Registry
) -> None:
    """Xet calls back from a thread that swallows exceptions."""
    calls = itertools.count()

    def cancel(here: int, whole: int) -> None:
        if here == whole and next(calls) > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _load(registry, cancel)


def test_two_at_once_fetch_once(hub: Hub, registry: Registry) -> None:
    hub.pause = 0.002
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: _load(registry), range(2))
    assert first == second
    assert hub.ranges == [None]


def _press_ctrl_c(here: int, whole: int) -> None:
    if here > whole // 2:
        raise KeyboardInterrupt


def _resumed(hub: Hub) -> None:
    first, *later = hub.ranges
    assert first is None
    starts = [int((asked or "").removeprefix("bytes=").rstrip("-")) for asked in later]
    assert starts
    assert 0 < starts[-1] <= len(hub.content) // 2


def test_a_file_damaged_in_the_cache_is_fetched_again(hub: Hub, registry: Registry) -> None:
    first = _load(registry)
    file = registry.releases[0].source
    assert isinstance(file, HubFile)
    cached = cached_file(registry, file)
    assert cached is not None
    os.truncate(cached, 1000)
    assert _load(registry) == first
    assert hub.ranges == [None, None]


def test_a_wrong_hash_is_found_and_the_file_deleted(hub: Hub, registry: Registry) -> None:
    honest, hub.sha256 = hub.sha256, hashlib.sha256(b"another file").hexdigest()
    with pytest.raises(CheckpointError, match=r"has the sha256 .* and the hub lists .*deleted"):
        _load(registry)
    assert _left_over(registry) == []
    hub.sha256 = honest
    assert _load(registry) == weights_hash(network())


def test_a_file_shorter_than_listed_is_not_kept(hub: Hub, registry: Registry) -> None:
    hub.size += 1000
    with pytest.raises(CheckpointError, match="was cut short and deleted: try again"):
        _load(registry)
    assert _left_over(registry) == []


def test_no_network(hub: Hub, registry: Registry) -> None:
    hub.stop()
    with pytest.raises(CheckpointError, match=r"small.pt of someone/small .* no network.*micro"):
        _load(registry)


@pytest.mark.parametrize("by_argument", [True, False])
def test_offline_mode_asks_nothing(
    hub: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch, by_argument: bool
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", not by_argument)
    message = "not on this machine, and offline mode is on: unset HF_HUB_OFFLINE"
    with pytest.raises(CheckpointError, match=message):
        load_model("small", device="cpu", registry=registry, offline=by_argument)
    assert hub.requests == []


def test_offline_mode_loads_what_is_here(hub: Hub, registry: Registry) -> None:
    first, asked = _load(registry), len(hub.requests)
    loaded = load_model("small", device="cpu", registry=registry, offline=True)
    assert weights_hash(loaded) == first
    assert len(hub.requests) == asked


def test_a_network_that_wants_a_login(hub: Hub, registry: Registry) -> None:
    hub.portal = True
    with pytest.raises(
        CheckpointError, match=r"is not the Hugging Face hub\. .* login in the browser"
    ):
        _load(registry)
    assert _left_over(registry) == []


def test_a_cache_that_cannot_be_written(hub: Hub, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    elsewhere = replace(registry, cache=tmp_path / "a file")
    with pytest.raises(CheckpointError, match=r"cannot be stored: .*Set HF_HOME to a folder"):
        _load(elsewhere)


def test_a_hub_without_the_file(hub: Hub, registry: Registry) -> None:
    hub.path = "/elsewhere"
    with pytest.raises(CheckpointError, match=r"The hub answers 404 for small.pt"):
        _load(registry)


def test_a_full_disk_is_seen_before_the_download(
    hub: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: _Usage(10**9, 10**9 - 100, 100))
    with pytest.raises(CheckpointError, match=r"too full: \d+ MB are needed .* HF_HOME"):
        _load(registry)
    assert hub.ranges == []
    assert _left_over(registry) == []


def test_a_disk_that_fills_up_leaves_nothing(
    hub: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def filling(url: str, temp_file: BinaryIO, **options: object) -> None:
        temp_file.write(hub.content[:1000])
        temp_file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(file_download, "http_get", filling)
    with pytest.raises(CheckpointError, match=r"disk filled up while small.pt"):
        _load(registry)
    assert _left_over(registry) == []


def test_auto_takes_what_is_here(hub: Hub, registry: Registry) -> None:
    larger = replace(registry.releases[0], config=replace(SMALL, name="large"))
    larger = replace(larger, source=HubFile("someone/large", FILENAME))
    both = replace(registry, releases=(larger, *registry.releases))
    assert auto_model_name(both) == "micro"
    _load(registry)
    assert auto_model_name(both) == "small"
    assert load_model("auto", device="cpu", registry=both).config == SMALL


def test_the_commit_is_kept(hub: Hub, registry: Registry) -> None:
    _load(registry)
    assert COMMIT in {path.parent.name for path in _left_over(registry)}
