"""Weight updates, and a running mean of the weights that is what gets used."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

_BETAS = (0.9, 0.98)
_MOMENTUM = 0.95
# Orthogonalising a matrix of a few rows says little about its direction.
_FEWEST_ROWS = 16

ModelT = TypeVar("ModelT", bound=nn.Module)


class Method(Enum):
    """How gradients become steps."""

    ADAMW = "adamw"
    MUON = "muon"


@runtime_checkable
class Optimizer(Protocol):
    """What the training loop needs of an optimiser."""

    @property
    def param_groups(self) -> Sequence[dict[str, Any]]:
        """Groups of parameters; the loop sets ``"lr"`` of each."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""

    def step(self) -> Any:
        """Change the weights."""

    def state_dict(self) -> dict[str, Any]:
        """Return what the next sitting needs."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""


@dataclass(frozen=True, slots=True)
class OptimizerGroup:
    """Several optimisers, each of its own parameters, used as one.

    Parameters
    ----------
    parts : mapping of str to torch.optim.Optimizer
        By name.
    """

    parts: Mapping[str, torch.optim.Optimizer]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of all parts; setting a value in one changes the optimiser."""
        return [group for part in self.parts.values() for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parts."""
        for part in self.parts.values():
            part.zero_grad(set_to_none)

    def step(self) -> None:
        """Let every part change its weights."""
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
    """Build the optimiser of a model's trainable parameters.

    Parameters
    ----------
    model : nn.Module
        Parameters that do not require gradients are left out.
    method : Method
        ``MUON`` takes the matrices of linear layers, and leaves the rest to AdamW.
    weight_decay : float
        For matrices and kernels, embeddings excepted.
    """
    return adamw(model, weight_decay) if method is Method.ADAMW else muon(model, weight_decay)


def adamw(model: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """Build AdamW that decays matrices and kernels only (Loshchilov and Hutter 2019).

    Parameters
    ----------
    model : nn.Module
        Parameters that do not require gradients are left out.
    weight_decay : float
        For parameters of two dimensions and more, embeddings excepted.
    """
    decayed, free = _sorted(model)
    return _adamw(list(decayed.values()), free, weight_decay)


def muon(model: nn.Module, weight_decay: float) -> OptimizerGroup:
    """Build Muon for matrices and AdamW for all else (Jordan et al. 2024; Liu et al. 2025).

    Steps are scaled to the size of AdamW's, so that one learning rate fits both.

    Parameters
    ----------
    model : nn.Module
        Parameters that do not require gradients are left out.
    weight_decay : float
        As for :func:`adamw`.

    Raises
    ------
    RuntimeError
        If this PyTorch has no Muon (it came with 2.9).
    """
    if not hasattr(torch.optim, "Muon"):
        raise RuntimeError(
            f"PyTorch {torch.__version__} has no Muon optimiser: install 2.9 or newer, or train "
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
