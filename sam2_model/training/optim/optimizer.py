"""Optimizers, and the moving average of the weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

_BETAS = (0.9, 0.98)
_MOMENTUM = 0.95
# Orthogonalizing a matrix of few rows hardly changes its direction.
_FEWEST_ROWS = 16

ModelT = TypeVar("ModelT", bound=nn.Module)


class Method(Enum):
    """Optimization method."""

    ADAMW = "adamw"
    MUON = "muon"


@runtime_checkable
class Optimizer(Protocol):
    """An optimizer as the training loop uses it."""

    @property
    def param_groups(self) -> Sequence[dict[str, Any]]:
        """Parameter groups; the loop sets ``"lr"`` of each."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients."""

    def step(self) -> Any:
        """Update the weights."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that :meth:`state_dict` returned."""


@dataclass(frozen=True, slots=True)
class OptimizerGroup:
    """Several optimizers with disjoint parameters, used as one.

    Parameters
    ----------
    parts : mapping of str to torch.optim.Optimizer
        Optimizers by name.
    """

    parts: Mapping[str, torch.optim.Optimizer]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of all parts."""
        return [group for part in self.parts.values() for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parts."""
        for part in self.parts.values():
            part.zero_grad(set_to_none)

    def step(self) -> None:
        """Update the weights of all parts."""
        for part in self.parts.values():
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every part, by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of every part."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])


def make_optimizer(model: nn.Module, method: Method, weight_decay: float) -> Optimizer:
    """Return the optimizer of a model's trainable parameters.

    Parameters
    ----------
    model : nn.Module
        Parameters that do not require gradients are left out.
    method : Method
        ``MUON`` updates the matrices of linear layers, and AdamW the rest.
    weight_decay : float
        Weight decay of matrices and kernels, without embeddings.
    """
    return adamw(model, weight_decay) if method is Method.ADAMW else muon(model, weight_decay)


def adamw(model: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW with decay of matrices and kernels only (Loshchilov and Hutter 2019).

    Parameters
    ----------
    model : nn.Module
        Parameters that do not require gradients are left out.
    weight_decay : float
        Weight decay of parameters with two dimensions or more, without embeddings.
    """
    decayed, free = _sorted(model)
    return _adamw(list(decayed.values()), free, weight_decay)


def muon(model: nn.Module, weight_decay: float) -> OptimizerGroup:
    """Return Muon for matrices and AdamW for the rest (Jordan et al. 2024; Liu et al. 2025).

    Steps of Muon are scaled to the size of those of AdamW, so that both use one learning rate.

    Parameters
    ----------
    model : nn.Module
        Parameters that do not require gradients are left out.
    weight_decay : float
        As for :func:`adamw`.

    Raises
    ------
    RuntimeError
        If PyTorch is older than 2.9 and has no Muon.
    """
    if not hasattr(torch.optim, "Muon"):
        raise RuntimeError(
            f"PyTorch {torch.__version__} has no Muon optimizer: install 2.9 or newer, or train "
            "with AdamW."
        )
    decayed, free = _sorted(model)
    matrices = {name: p for name, p in decayed.items() if _is_matrix(p)}
    rest = [p for name, p in decayed.items() if name not in matrices]
    parts: dict[str, torch.optim.Optimizer] = {"adamw": _adamw(rest, free, weight_decay)}
    if matrices:
        parts["muon"] = torch.optim.Muon(
            matrices.values(),
            weight_decay=weight_decay,
            momentum=_MOMENTUM,
            adjust_lr_fn="match_rms_adamw",
        )
    return OptimizerGroup(parts)


def _is_matrix(parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and min(parameter.shape) >= _FEWEST_ROWS


def _sorted(model: nn.Module) -> tuple[dict[str, nn.Parameter], list[nn.Parameter]]:
    """Return the trainable parameters that decay, by name, and the others."""
    embeddings = {
        f"{name}.weight" for name, m in model.named_modules() if isinstance(m, nn.Embedding)
    }
    decayed: dict[str, nn.Parameter] = {}
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.endswith("weight") and parameter.ndim > 1 and name not in embeddings:
            decayed[name] = parameter
        else:
            free.append(parameter)
    return decayed, free


def _adamw(
    decayed: Sequence[nn.Parameter], free: Sequence[nn.Parameter], weight_decay: float
) -> torch.optim.AdamW:
    groups = [
        {"params": list(decayed), "weight_decay": weight_decay},
        {"params": list(free), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], betas=_BETAS, fused=True)


class AverageWeights(Generic[ModelT]):
    """Exponential moving average of a model's weights.

    Parameters
    ----------
    model : nn.Module
        Model, which is copied.
    decay : float
        Weight of the old average in each step; the first steps use a smaller one.
    """

    def __init__(self, model: ModelT, decay: float = 0.999) -> None:
        self.model: ModelT = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Update the average with the weights after a step (counted from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        mine = [p for p in self.model.state_dict().values() if p.is_floating_point()]
        new = [p for p in model.state_dict().values() if p.is_floating_point()]
        get_ema_multi_avg_fn(decay)(mine, new, step)
