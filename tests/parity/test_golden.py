"""Every stored case of the reference, replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sam2_model.modeling.config import MODEL_CONFIGS
from sam2_model.modeling.sam2 import SAM2

from . import adapter
from .judge import failures
from .replay import protocol

GOLDEN = Path(__file__).parent / "golden"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))}
SIZES = {"t": "tiny", "s": "small", "b+": "base_plus", "l": "large"}


def _is_small(case: dict[str, Any]) -> bool:
    return case.get("options", {}).get("image_size") == 256


def build_case(case: dict[str, Any]) -> adapter.Model:
    family, size = case["variant"].rsplit("_", 1)
    with torch.device("meta"):
        network = SAM2(MODEL_CONFIGS[f"{family}_{SIZES[size]}"])
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    weights = protocol.state_dict_for(case, shapes)
    return adapter.build(case["variant"], weights, case.get("options") or {})


def _replay(name: str) -> list[Any]:
    case = CASES[name]
    with np.load(GOLDEN / f"{name}.npz") as stored:
        wanted = dict(stored)
    found = protocol.run(adapter, build_case(case), case)
    return failures(protocol.compare(found, wanted), case)


def test_all_cases_are_here() -> None:
    assert len(CASES) == 43


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if _is_small(case)])
def test_small_case(name: str) -> None:
    assert _replay(name) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not _is_small(case)])
def test_full_size_case(name: str) -> None:
    assert _replay(name) == []


def test_a_wrong_network_fails() -> None:
    """The judge must notice a time encoding that is shifted by one slot."""
    name = "video_t21_256_fp32mem_mask"
    case = CASES[name]
    model = build_case(case)
    with torch.no_grad():
        encoding = model.network.maskmem_tpos_enc
        encoding.copy_(encoding.roll(1, dims=0))
    with np.load(GOLDEN / f"{name}.npz") as stored:
        wanted = dict(stored)
    assert failures(protocol.compare(protocol.run(adapter, model, case), wanted), case)
