"""Files of others: what they are recognized as, and the input size that follows from it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sam2_model.checkpoint import load_model, open_checkpoint, save_model, third_party
from sam2_model.modeling.config import MICRO, MODEL_CONFIGS, Version
from tests.helpers.networks import SMALL, network

TINY = MODEL_CONFIGS["sam2.1_hiera_tiny"]


@pytest.fixture(scope="module")
def tiny() -> dict[str, torch.Tensor]:
    """Tensors of SAM 2.1 tiny, which take no room in a file before they are compressed."""
    return {key: value.half() for key, value in network(TINY).state_dict().items()}


def test_medsam2_is_known_by_its_contents(
    tmp_path: Path, tiny: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights of a colleague.pt"
    torch.save({"model": tiny}, path)
    content = path.read_bytes()
    digests = ((len(content), hashlib.sha256(content).hexdigest()),)
    known = replace(third_party.MEDSAM2, digests=digests)
    monkeypatch.setattr(third_party, "THIRD_PARTY", (known,))
    checkpoint = open_checkpoint(path)
    assert checkpoint.config.image_size == 512
    assert checkpoint.notes() == ()
    assert str(checkpoint.recognition) == "MedSAM2; license of the weights: CC-BY-SA-4.0"
    assert load_model(path, device="cpu").config.image_size == 512
    [note] = checkpoint.notes(1024)
    assert "trained at 512 x 512" in note


def test_medsam2_is_guessed_by_its_name(tmp_path: Path, tiny: dict[str, torch.Tensor]) -> None:
    torch.save({"model": tiny}, tmp_path / "MedSAM2_CTLesion.pt")
    checkpoint = open_checkpoint(tmp_path / "MedSAM2_CTLesion.pt")
    assert checkpoint.config == TINY.resized(512)
    [note] = checkpoint.notes()
    assert "MedSAM2" in note
    assert "512 x 512" in note
    assert "--input-size" in note
    assert checkpoint.notes(768) == ()


def test_micro_sam_states_what_it_is(tmp_path: Path, tiny: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "cells"
    torch.save({"model": tiny, "model_type": "hvit_t_cells"}, path)
    checkpoint = open_checkpoint(path)
    assert checkpoint.config == TINY
    assert checkpoint.notes() == ()
    [note] = checkpoint.notes(512)
    assert "approximate" in note


@pytest.mark.parametrize("model_type", [3, None, "vit_b", ["hvit_t"]])
def test_another_type_of_model_proves_nothing(
    tmp_path: Path, tiny: dict[str, torch.Tensor], model_type: Any
) -> None:
    torch.save({"model": tiny, "model_type": model_type}, tmp_path / "a.pt")
    [note] = open_checkpoint(tmp_path / "a.pt").notes()
    assert "a.pt does not state the input size" in note
    assert "1024 x 1024" in note


def test_a_name_alone_does_not_make_medsam2_of_another_network(tmp_path: Path) -> None:
    torch.save(network(MICRO).state_dict(), tmp_path / "medsam2.pt")
    checkpoint = open_checkpoint(tmp_path / "medsam2.pt")
    assert checkpoint.config == MICRO
    assert "384 x 384" in checkpoint.notes()[0]
    old = replace(TINY, name="sam2_hiera_tiny", version=Version.V2_0)
    assert third_party.recognize(tmp_path / "medsam2.pt", "", old) is None


def test_the_size_in_a_file_is_believed(tmp_path: Path) -> None:
    save_model(network(SMALL.resized(96)), tmp_path / "medsam2.safetensors")
    checkpoint = open_checkpoint(tmp_path / "medsam2.safetensors")
    assert checkpoint.config.image_size == 96
    assert checkpoint.notes() == checkpoint.notes(96) == ()
    assert len(checkpoint.notes(64)) == 1
