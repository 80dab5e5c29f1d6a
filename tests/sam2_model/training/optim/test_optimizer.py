from __future__ import annotations

import pytest
import torch

from sam2_model.training.optim.optimizer import Method, OptimizerGroup, make_optimizer, muon
from tests.helpers.discs import fresh


def names(model: torch.nn.Module, part: torch.optim.Optimizer) -> set[str]:
    mine = {id(p) for group in part.param_groups for p in group["params"]}
    return {name for name, p in model.named_parameters() if id(p) in mine}


def test_muon_takes_the_matrices_and_leaves_the_rest_to_adamw() -> None:
    model = fresh()
    parts = muon(model, 0.1).parts
    matrices, rest = names(model, parts["muon"]), names(model, parts["adamw"])
    assert matrices.isdisjoint(rest)
    assert matrices | rest == {name for name, _ in model.named_parameters()}
    assert "memory_attention.layers.0.linear1.weight" in matrices
    for other in ("no_mem_embed", "sam_mask_decoder.mask_tokens.weight", "mask_downsample.weight"):
        assert other in rest


@pytest.mark.parametrize("method", Method)
def test_frozen_weights_stay_and_others_move_by_about_the_rate(method: Method) -> None:
    model = fresh()
    frozen = model.memory_attention.layers[0].linear1.weight.requires_grad_(False)
    free = model.memory_attention.layers[0].linear2.weight
    before, kept = free.detach().clone(), frozen.detach().clone()
    steps = make_optimizer(model, method, 0.0)
    for group in steps.param_groups:
        group["lr"] = 1e-3
    generator = torch.Generator().manual_seed(0)
    free.grad = torch.randn(free.shape, generator=generator)
    steps.step()
    moved = (free.detach() - before).square().mean().sqrt()
    assert 0.1e-3 < moved < 1.1e-3
    assert torch.equal(frozen, kept)


def test_gradients_of_every_part_are_forgotten() -> None:
    model = fresh()
    steps = muon(model, 0.0)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    steps.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_older_pytorch_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(RuntimeError, match=r"2\.9"):
        muon(fresh(), 0.0)


def test_a_state_without_a_part_is_refused() -> None:
    steps = muon(fresh(), 0.0)
    assert isinstance(steps, OptimizerGroup)
    with pytest.raises(KeyError):
        steps.load_state_dict({"adamw": steps.state_dict()["adamw"]})
