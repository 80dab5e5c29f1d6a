"""Several processes train one model: each has its own batch, gradients are averaged.

On a CPU that others use too, processes of one thread each do more than one process of several
threads, which waits for its slowest thread at every layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.distributed as distributed
from torch import Tensor, nn


@runtime_checkable
class TrainingGroup(Protocol):
    """Who trains along."""

    @property
    def rank(self) -> int:
        """Number of this process; 0 writes files."""

    def average(
        self, parameters: Iterable[nn.Parameter], usable: bool, seconds: float
    ) -> tuple[bool, float]:
        """Average gradients over those processes that have usable ones.

        Parameters
        ----------
        parameters : iterable of nn.Parameter
            Their gradients are replaced.
        usable : bool
            Whether this process has finite gradients.
        seconds : float
            Time spent so far.

        Returns
        -------
        tuple of (bool, float)
            Whether any gradient was usable, and the time that all processes agree on.
        """


@dataclass(frozen=True, slots=True)
class SingleProcess:
    """One process."""

    rank: int = 0

    def average(
        self, parameters: Iterable[nn.Parameter], usable: bool, seconds: float
    ) -> tuple[bool, float]:
        """Leave everything as it is."""
        return usable, seconds


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """Processes of an initialised ``torch.distributed`` group."""

    rank: int

    def average(
        self, parameters: Iterable[nn.Parameter], usable: bool, seconds: float
    ) -> tuple[bool, float]:
        """Exchange one flat tensor a step."""
        learning = [p for p in parameters if p.requires_grad]
        flat = torch.cat([_gradient(p, usable) for p in learning])
        note = flat.new_tensor([float(usable), seconds])
        message = torch.cat((flat, note))
        distributed.all_reduce(message)
        count = float(message[-2])
        mean = message[:-2] / max(count, 1.0)
        for p, part in zip(learning, mean.split([p.numel() for p in learning]), strict=True):
            # No gradient must stay none, or the optimiser's momentum would move the weight on.
            p.grad = torch.empty_like(p).copy_(part.view_as(p)) if part.any() else None
        return count > 0, float(message[-1]) / distributed.get_world_size()


def join_group() -> TrainingGroup:
    """Join the processes that ``torchrun`` started together with this one, if any."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return SingleProcess()
    distributed.init_process_group("gloo")
    return ProcessGroup(distributed.get_rank())


def _gradient(parameter: nn.Parameter, usable: bool) -> Tensor:
    if parameter.grad is None or not usable:
        return torch.zeros(parameter.numel())
    return parameter.grad.float().cpu().flatten()
