"""Weight updates, and a running mean of the weights that is what gets used."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

_BETAS = (0.9, 0.98)

ModelT = TypeVar("ModelT", bound=nn.Module)


def adamw(model: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """Build AdamW that decays matrices and kernels only (Loshchilov and Hutter 2019).

    Parameters
    ----------
    model : nn.Module
        Parameters that do not require gradients are left out.
    weight_decay : float
        For parameters of two dimensions and more, embeddings excepted.
    """
    embeddings = {
        f"{name}.weight" for name, m in model.named_modules() if isinstance(m, nn.Embedding)
    }
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            matrix = name.endswith("weight") and parameter.ndim > 1 and name not in embeddings
            (decayed if matrix else free).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], betas=_BETAS, fused=True)


class AverageWeights(Generic[ModelT]):
    """Exponential moving average of a model's weights.

    Parameters
    ----------
    model : nn.Module
        Copied.
    decay : float
        Share of the old average kept at each step, once enough steps were made.
    """

    def __init__(self, model: ModelT, decay: float = 0.999) -> None:
        self.model: ModelT = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        mine = [p for p in self.model.state_dict().values() if p.is_floating_point()]
        new = [p for p in model.state_dict().values() if p.is_floating_point()]
        torch._foreach_lerp_(mine, new, 1 - decay)
