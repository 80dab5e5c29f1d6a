"""The eight public variants: our networks take their state dicts strictly."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sam2_model.checkpoint.identify import check_fit, empty_network, identify
from sam2_model.checkpoint.registry import RELEASES
from sam2_model.checkpoint.transformers_keys import original_key, original_state
from sam2_model.modeling.config import MODEL_CONFIGS

_MILLIONS = {"tiny": 38.9, "small": 46.0, "base_plus": 80.8, "large": 224.4}


@cache
def manifests() -> dict[str, Any]:
    path = Path(__file__).parent / "data" / "manifests.json.gz"
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found


def state(name: str) -> dict[str, Tensor]:
    shapes = manifests()["variants"][name]["shapes"]
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


@pytest.mark.parametrize("name", MODEL_CONFIGS)
def test_a_public_state_dict_loads_strictly(name: str) -> None:
    network = empty_network(MODEL_CONFIGS[name])
    network.load_state_dict(state(name), strict=True, assign=True)
    count = sum(parameter.numel() for parameter in network.parameters())
    size = name.partition("hiera_")[2]
    assert count == manifests()["variants"][name]["parameters"]
    assert int(count / 1e5) / 10 == _MILLIONS[size]


@pytest.mark.parametrize("name", MODEL_CONFIGS)
def test_a_variant_is_recognised_by_its_shapes(name: str) -> None:
    assert identify(state(name)) == MODEL_CONFIGS[name]


@pytest.mark.parametrize("release", RELEASES.releases, ids=lambda release: release.name)
def test_the_registry_says_what_is_true(release: Any) -> None:
    network = empty_network(release.config)
    assert sum(parameter.numel() for parameter in network.parameters()) == release.parameters
    if release.download_bytes:
        assert 1 < release.download_bytes / (4 * release.parameters) < 1.01


def test_every_name_of_transformers_is_translated() -> None:
    pairs = manifests()["transformers"]
    assert {theirs: original_key(theirs) for theirs, _ in pairs} == dict(pairs)


@pytest.mark.parametrize("tied", ["prompt_encoder.shared_embedding", "shared_image_embedding"])
def test_a_state_dict_of_transformers_fits(tied: str) -> None:
    name = "sam2.1_hiera_tiny"
    ours = {key: torch.zeros(value.shape) for key, value in state(name).items()}
    theirs = {theirs: ours[key] for theirs, key in manifests()["transformers"]}
    points = [
        ours[f"sam_prompt_encoder.point_embeddings.{kind}.weight"] + kind for kind in range(4)
    ]
    theirs["prompt_encoder.point_embed.weight"] = torch.cat(points)
    frequencies = theirs.pop("prompt_encoder.shared_embedding.positional_embedding")
    theirs[f"{tied}.positional_embedding"] = frequencies
    renamed = original_state(theirs)
    check_fit(renamed, MODEL_CONFIGS[name], "theirs")
    assert identify(renamed).name == name
    assert renamed["sam_prompt_encoder.point_embeddings.3.weight"].unique().tolist() == [3]
