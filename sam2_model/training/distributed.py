"""Training in several processes: each has its own batch, and gradients are averaged.

On a shared CPU, several processes of one thread are faster than one process of several threads,
which waits for its slowest thread at every layer.
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
    """The processes that train a model together."""

    @property
    def rank(self) -> int:
        """Number of this process; process 0 writes files."""

    def average(
        self, parameters: Iterable[nn.Parameter], usable: bool, seconds: float
    ) -> tuple[bool, float]:
        """Average the gradients of all processes with finite ones.

        Parameters
        ----------
        parameters : iterable of nn.Parameter
            Parameters, whose gradients are replaced.
        usable : bool
            Whether this process has finite gradients.
        seconds : float
            Time spent by this process.

        Returns
        -------
        tuple of (bool, float)
            Whether any process had finite gradients, and the mean time of all processes.
        """


@dataclass(frozen=True, slots=True)
class SingleProcess:
    """A single process."""

    rank: int = 0

    def average(
        self, parameters: Iterable[nn.Parameter], usable: bool, seconds: float
    ) -> tuple[bool, float]:
        """Return the arguments."""
        return usable, seconds


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """Processes of an initialized ``torch.distributed`` group."""

    rank: int

    def average(
        self, parameters: Iterable[nn.Parameter], usable: bool, seconds: float
    ) -> tuple[bool, float]:
        """Exchange one flat tensor in each step."""
        learning = [p for p in parameters if p.requires_grad]
        flat = torch.cat([_gradient(p, usable) for p in learning])
        note = flat.new_tensor([float(usable), seconds])
        message = torch.cat((flat, note))
        distributed.all_reduce(message)
        count = float(message[-2])
        mean = message[:-2] / max(count, 1.0)
        for p, part in zip(learning, mean.split([p.numel() for p in learning]), strict=True):
            # A gradient of zero would let the optimizer's momentum change the weight.
            p.grad = torch.empty_like(p).copy_(part.view_as(p)) if part.any() else None
        return count > 0, float(message[-1]) / distributed.get_world_size()


def join_group() -> TrainingGroup:
    """Return the processes that ``torchrun`` started, or this process if it did not."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return SingleProcess()
    distributed.init_process_group("gloo")
    return ProcessGroup(distributed.get_rank())


def _gradient(parameter: nn.Parameter, usable: bool) -> Tensor:
    if parameter.grad is None or not usable:
        return torch.zeros(parameter.numel())
    return parameter.grad.float().cpu().flatten()
