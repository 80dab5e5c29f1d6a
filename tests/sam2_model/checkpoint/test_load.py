"""Names, files, precisions and recognition: what load_model accepts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sam2_model.checkpoint import (
    auto_model_name,
    available_models,
    load_model,
    open_checkpoint,
    save_model,
    weights_hash,
)
from sam2_model.checkpoint.files import read_weights
from sam2_model.checkpoint.registry import BUNDLED_MICRO, RELEASES, Registry, Release
from sam2_model.errors import CheckpointError, DeviceError, InputError
from sam2_model.modeling.config import MICRO, SAM2Config, Version
from sam2_model.modeling.sam2 import SAM2
from tests.helpers.networks import SMALL, network


def _micro(seed: int = 0, config: SAM2Config = MICRO) -> SAM2:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SAM2(config).eval()


def test_a_saved_network_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_model(network(), path, half=False, notes="made for a test")
    loaded = load_model(path, device="cpu")
    assert loaded.config == SMALL
    assert not loaded.training
    for key, value in network().state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    assert [child.name for child in tmp_path.iterdir()] == ["a.safetensors"]


def test_half_precision_is_half_the_size_and_cast_up(tmp_path: Path) -> None:
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    save_model(network(), full, half=False)
    save_model(network(), half)
    loaded = load_model(half, device="cpu")
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32}
    assert half.stat().st_size < 0.6 * full.stat().st_size
    for key, value in network().state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_a_pt_file_is_recognised_by_its_shapes(tmp_path: Path, wrapped: bool, half: bool) -> None:
    model = _micro(1)
    state = {k: v.half() if half else v for k, v in model.state_dict().items()}
    torch.save({"model": state, "epoch": 3} if wrapped else state, tmp_path / "tuned.pt")
    loaded = load_model(str(tmp_path / "tuned.pt"), device="cpu")
    assert loaded.config == MICRO
    assert (weights_hash(loaded) == weights_hash(model)) is not half


def test_sizes_unknown_to_us_can_be_given(tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "own.pt")
    loaded = load_model(tmp_path / "own.pt", device="cpu", config=SMALL)
    assert weights_hash(loaded) == weights_hash(network())


def test_version_2_0_lacks_three_tensors(tmp_path: Path) -> None:
    config = replace(SMALL, version=Version.V2_0)
    save_model(_micro(config=config), tmp_path / "old.safetensors")
    loaded = load_model(tmp_path / "old.safetensors", device="cpu")
    assert loaded.config.version is Version.V2_0
    assert len(network().state_dict()) - len(loaded.state_dict()) == 3


def test_another_image_size_and_precision(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "a.safetensors")
    path = tmp_path / "a.safetensors"
    loaded = load_model(path, device="cpu", dtype=torch.bfloat16, image_size=128)
    assert loaded.config.image_size == 128
    assert loaded.dtype is torch.bfloat16
    features = loaded.encode_image(torch.zeros(1, 3, 128, 128))
    assert features.top.shape[-2:] == (8, 8)
    with pytest.raises(InputError, match="multiple of 32, got 100"):
        load_model(path, device="cpu", image_size=100)


def test_an_absent_device_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="Unknown device 'gpu'"):
        load_model(tmp_path / "absent.pt", device="gpu")


@pytest.mark.parametrize("release", RELEASES.releases, ids=lambda release: release.name)
def test_every_model_is_found_by_its_name(release: Release) -> None:
    assert RELEASES.get(release.name) is release
    assert RELEASES.get(release.name.replace("_", "-").upper()) is release


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("t", "sam2.1_hiera_tiny"),
        ("small", "sam2.1_hiera_small"),
        ("b+", "sam2.1_hiera_base_plus"),
        ("base_plus", "sam2.1_hiera_base_plus"),
        ("sam2.1_b+", "sam2.1_hiera_base_plus"),
        ("sam2.1_hiera_b+", "sam2.1_hiera_base_plus"),
        ("facebook/sam2.1-hiera-base-plus", "sam2.1_hiera_base_plus"),
        ("sam2_l", "sam2_hiera_large"),
        ("sam2-base-plus", "sam2_hiera_base_plus"),
    ],
)
def test_a_model_has_several_spellings(name: str, full: str) -> None:
    assert RELEASES.get(name).name == full


def test_an_unknown_name_gets_suggestions() -> None:
    with pytest.raises(CheckpointError, match=r"no model 'sam2\.1_hira_tiny'.*sam2\.1_hiera_tiny"):
        load_model("sam2.1_hira_tiny", device="cpu")


def test_the_bundled_model_is_read_from_the_package(tmp_path: Path) -> None:
    bundled = tmp_path / "micro.safetensors"
    registry = Registry((Release(SMALL, 1, 0, "tests", bundled),), cache=tmp_path)
    with pytest.raises(CheckpointError, match="small does not come with this installation"):
        load_model("small", device="cpu", registry=registry)
    save_model(network(), bundled)
    assert load_model("small", device="cpu", registry=registry).config == SMALL


def test_the_models_are_listed(tmp_path: Path) -> None:
    entries = available_models(replace(RELEASES, cache=tmp_path))
    assert len(entries) == 9
    assert {entry.license for entry in entries} == {"Apache-2.0"}
    here = {entry.name for entry in entries if entry.is_here}
    assert here == ({"micro"} if BUNDLED_MICRO.is_file() else set())
    assert auto_model_name(replace(RELEASES, cache=tmp_path)) == "micro"


def test_the_hash_tells_weights_apart_and_nothing_else() -> None:
    first, second = _micro(1), _micro(2)
    assert weights_hash(first) == weights_hash(_micro(1))
    assert weights_hash(first) != weights_hash(second)
    with torch.no_grad():
        second.load_state_dict(first.state_dict())
    assert weights_hash(first) == weights_hash(second)


def test_the_file_keeps_its_sizes(tmp_path: Path) -> None:
    config = replace(SMALL, name="odd", image_size=96, memory_layers=2)
    save_model(_micro(config=config), tmp_path / "odd.safetensors")
    assert read_weights(tmp_path / "odd.safetensors").config == config


def test_a_file_has_the_hash_of_its_network(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "a.safetensors", half=False)
    torch.save({"model": network().state_dict()}, tmp_path / "a.pt")
    expected = weights_hash(network())
    assert weights_hash(tmp_path / "a.safetensors") == expected
    assert weights_hash(str(tmp_path / "a.pt")) == expected
    with pytest.raises(CheckpointError, match="There is no file"):
        weights_hash(tmp_path / "absent.pt")


def test_the_hash_does_not_depend_on_the_precision(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "a.safetensors", half=False)
    opened = open_checkpoint(tmp_path / "a.safetensors")
    assert (
        opened.weights_hash == weights_hash(network()) == weights_hash(tmp_path / "a.safetensors")
    )
