"""All stored cases of the reference, replayed."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_model.modeling.config import MODEL_CONFIGS
from sam2_model.modeling.sam2 import SAM2

from . import adapter
from .judge import Row, failures
from .replay import protocol
from .ties import MemoryTies, Tie, differences_beyond_ties

GOLDEN = Path(__file__).parent / "golden"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))}
SIZES = {"t": "tiny", "s": "small", "b+": "base_plus", "l": "large"}


def _is_fast(name: str) -> bool:
    """Return whether a case takes few seconds, and other tests do not cover the same code."""
    small = CASES[name].get("options", {}).get("image_size") == 256
    covered = ("long", "fp32mem", "s20", "track2", "b21", "crops", "reverse_mid", "box_then_click")
    covered += ("occluded", "clear_and_remove")
    return small and not any(part in name for part in covered)


@lru_cache(maxsize=2)
def _weights(variant: str, filling: str) -> Mapping[str, NDArray[np.float32]]:
    """Return the weights of a variant, which most cases share."""
    family, size = variant.rsplit("_", 1)
    with torch.device("meta"):
        network = SAM2(MODEL_CONFIGS[f"{family}_{SIZES[size]}"])
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    return protocol.state_dict_for({"weights": json.loads(filling)}, shapes)


class _TrunkOutputs:
    """Outputs of trunks, copied, for the frames that cases with the same weights share."""

    MAX_FRAMES = 24

    def __init__(self) -> None:
        self._outputs: OrderedDict[tuple[str, bytes], list[Tensor]] = OrderedDict()

    def attach(self, network: SAM2, case: dict[str, Any]) -> None:
        """Let the trunk of a network take its output from here, if it is known."""
        weights = json.dumps([case["variant"], case["weights"]], sort_keys=True)
        trunk = network.image_encoder.trunk
        compute = trunk.forward

        def forward(pixels: Tensor) -> list[Tensor]:
            key = weights, pixels.numpy().tobytes()
            if key not in self._outputs:
                self._outputs[key] = [level.clone() for level in compute(pixels)]
                if len(self._outputs) > self.MAX_FRAMES:
                    self._outputs.popitem(last=False)
            self._outputs.move_to_end(key)
            return [level.clone() for level in self._outputs[key]]

        trunk.forward = forward


_trunk_outputs = _TrunkOutputs()


def build_case(case: dict[str, Any]) -> adapter.Model:
    filling = json.dumps(case["weights"], sort_keys=True)
    # The network takes over the memory of its weights, and some tests change them.
    weights = {key: value.copy() for key, value in _weights(case["variant"], filling).items()}
    return adapter.build(case["variant"], weights, case.get("options") or {})


def _replay(name: str, ties: MemoryTies) -> list[Row]:
    case = CASES[name]
    with np.load(GOLDEN / f"{name}.npz") as stored:
        wanted = dict(stored)
    model = build_case(case)
    if case["kind"] == "video":
        _trunk_outputs.attach(model.network, case)
        ties.attach(model.network)
    return failures(protocol.compare(protocol.run(adapter, model, case), wanted), case)


def test_all_cases_are_here() -> None:
    assert len(CASES) == 43


@pytest.mark.parametrize("name", [name for name in CASES if _is_fast(name)])
def test_fast_case(name: str) -> None:
    assert differences_beyond_ties(partial(_replay, name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if not _is_fast(name)])
def test_slow_case(name: str) -> None:
    assert differences_beyond_ties(partial(_replay, name)) == []


def test_a_wrong_network_fails() -> None:
    """A time encoding that is shifted by one slot must be found."""
    name = "video_t21_256_fp32mem_mask"
    case = CASES[name]
    model = build_case(case)
    with torch.no_grad():
        encoding = model.network.maskmem_tpos_enc
        encoding.copy_(encoding.roll(1, dims=0))
    _trunk_outputs.attach(model.network, case)
    with np.load(GOLDEN / f"{name}.npz") as stored:
        wanted = dict(stored)
    assert failures(protocol.compare(protocol.run(adapter, model, case), wanted), case)


def test_a_clear_pixel_that_is_wrong_fails() -> None:
    """One pixel in the memory of the clicked frame changes the masks of the other frames."""
    name, clear = "video_t21_256_fp32mem_mask", Tie(call=0, pixel=0)
    ties = MemoryTies((clear,))
    assert _replay(name, ties)
    assert clear not in ties.found
    assert differences_beyond_ties(lambda found: _replay(name, MemoryTies((clear, *found.swapped))))
