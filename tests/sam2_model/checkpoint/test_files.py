"""Files that are not what they should be: each is refused with its own message."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sam2_model.checkpoint import load_model, save_model
from sam2_model.checkpoint.files import read_weights
from sam2_model.errors import CheckpointError
from sam2_model.modeling.config import MODEL_CONFIGS
from tests.helpers.networks import SMALL, network


def _refused(path: Path, **options: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_model(path, device="cpu", **options)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.fixture
def good(tmp_path: Path) -> Path:
    torch.save({"model": network().state_dict()}, tmp_path / "good.pt")
    return tmp_path / "good.pt"


@pytest.fixture
def tensors(tmp_path: Path) -> Path:
    save_model(network(), tmp_path / "good.safetensors")
    return tmp_path / "good.safetensors"


def test_no_file(tmp_path: Path) -> None:
    assert "There is no file" in _refused(tmp_path / "absent.pt")


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder: give the .pt" in _refused(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.pt").touch()
    assert "is empty: download it again" in _refused(tmp_path / "a.pt")


@pytest.mark.parametrize("page", ["<!DOCTYPE html><html>", "\n  <html><body>404</body></html>"])
def test_a_web_page(tmp_path: Path, page: str) -> None:
    (tmp_path / "a.pt").write_text(page)
    assert "is a web page, not weights" in _refused(tmp_path / "a.pt")


def test_a_git_lfs_pointer(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    assert "run git lfs pull" in _refused(tmp_path / "a.pt")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.9999])
@pytest.mark.parametrize("kind", ["good", "tensors"])
def test_a_truncated_file(request: pytest.FixtureRequest, kind: str, share: float) -> None:
    path: Path = request.getfixturevalue(kind)
    os.truncate(path, int(path.stat().st_size * share))
    assert "is truncated, damaged or not a weights file: download it again" in _refused(path)


@pytest.mark.parametrize("kind", ["good", "tensors"])
def test_one_flipped_bit_in_the_weights(request: pytest.FixtureRequest, kind: str) -> None:
    path: Path = request.getfixturevalue(kind)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    message = _refused(path, config=SMALL)
    assert "damaged" in message
    assert "checksum" in message or "CRC" in message


def test_noise(tmp_path: Path) -> None:
    for seed in range(5):
        for start in (b"", b"\x80\x02", b"PK\x03\x04"):
            (tmp_path / "a.pt").write_bytes(start + random.Random(seed).randbytes(500))
            _refused(tmp_path / "a.pt")


@pytest.mark.parametrize(
    "header",
    [b"\xff" * 8 + b"{}", (2).to_bytes(8, "little") + b"[]", (9).to_bytes(8, "little") + b"{"],
)
def test_a_bad_safetensors_header(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(header)
    assert "damaged or not a weights file" in _refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "config", ["{", "{}", "[]", json.dumps({"trunk": {}, "version": "9"}), '{"trunk": 3}']
)
def test_bad_sizes_in_the_metadata(tmp_path: Path, config: str) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", {"config": config})
    assert "damaged or not a weights file" in _refused(tmp_path / "a.safetensors")


class _Runs:
    """Unpickling this would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("archive", [True, False])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, archive: bool) -> None:
    harm = tmp_path / "harm"
    torch.save({"model": _Runs(harm)}, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
    assert "contains Python code or objects besides tensors" in _refused(tmp_path / "a.pt")
    assert not harm.exists()


@pytest.mark.parametrize("content", [[1, 2], {"model": 3}, {"model": {"a": "text"}}, 7])
def test_no_state_dict(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pt")
    assert "has no state dict" in _refused(tmp_path / "a.pt")


def test_another_models_weights(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "resnet.pt")
    message = _refused(tmp_path / "resnet.pt")
    assert "None of its tensors is one of SAM 2" in message
    assert "unexpected: conv1.weight" in message


def test_wrong_keys_are_named_with_the_nearest_variant(tmp_path: Path) -> None:
    state = network(MODEL_CONFIGS["sam2_hiera_tiny"]).half().state_dict()
    for key in ("no_mem_embed", "no_obj_ptr", "maskmem_tpos_enc", "no_mem_pos_enc"):
        state[f"my_{key}"] = state.pop(key)
    torch.save(state, tmp_path / "a.pt")
    message = _refused(tmp_path / "a.pt")
    assert "The nearest model is sam2_hiera_tiny: 464 of the 468 tensors have its shapes" in message
    assert "missing: maskmem_tpos_enc, no_mem_embed, no_mem_pos_enc and 1 more" in message
    assert "unexpected: my_no_mem_embed, my_no_obj_ptr, my_maskmem_tpos_enc and 1 more" in message


def test_wrong_shapes_are_named(tmp_path: Path) -> None:
    state = network().state_dict()
    state["no_obj_ptr"] = torch.zeros(1, 65)
    torch.save(state, tmp_path / "a.pt")
    message = _refused(tmp_path / "a.pt", config=SMALL)
    assert "does not fit small" in message
    assert "of another shape: no_obj_ptr (1, 65) not (1, 64)." in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tmp_path: Path, value: float) -> None:
    state = {key: tensor.clone() for key, tensor in network().state_dict().items()}
    state["mask_downsample.weight"][0, 0, 1, 2] = value
    torch.save(state, tmp_path / "a.pt")
    message = _refused(tmp_path / "a.pt", config=SMALL)
    assert "NaN or infinite weights in mask_downsample.weight" in message
    assert "earlier checkpoint" in message


@pytest.mark.parametrize("length", [0x180, 0x3C20])
def test_a_safetensors_header_may_begin_like_another_format(tmp_path: Path, length: int) -> None:
    """The first bytes are the header's length: here a pickle's first byte, and blank and "<"."""
    path, tensors = tmp_path / "weights.safetensors", {"a": torch.arange(3.0)}
    save_file(tensors, path, metadata={"notes": ""})
    shortest = int.from_bytes(path.read_bytes()[:8], "little")
    save_file(tensors, path, metadata={"notes": "x" * (length - shortest)})
    assert int.from_bytes(path.read_bytes()[:8], "little") == length
    assert torch.equal(read_weights(path).tensors["a"], tensors["a"])
