"""``python -m sam2_model.training``: what its options do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sam2_model.training import __main__ as command
from sam2_model.training.run_folder import RunFolder
from tests.helpers.discs import Discs, fresh


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_encoder_stays_and_the_rest_learns(
    frozen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "training_source", lambda data: Discs())
    monkeypatch.setattr(command, "_first_weights", lambda options: fresh())
    run = tmp_path / "run"
    options = ["--steps", "1", "--workers", "0", "--validate-every", "inf", "--clips-from", "0"]
    options += ["--clip-share", "1", "--farthest", "10", "--threads", str(torch.get_num_threads())]
    command.main(["DATA", str(run), *options, *(["--frozen-encoder"] if frozen else [])])
    content = RunFolder(run).load()
    assert content is not None
    assert content["step"] == 1
    before, after = fresh().state_dict(), content["model"]
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("sam_mask_decoder") for name in moved)
    assert any(name.startswith("memory_attention") for name in moved)
    assert any(name.startswith("image_encoder") for name in moved) is not frozen
