"""Layers that several modules of the network share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

T = TypeVar("T")

CACHED_ROWS = 4096


class WeightCache(Generic[T]):
    """A value computed from weights, kept until they change.

    The value is not kept while gradients are recorded. Copies of a cache are empty.
    """

    def __init__(self) -> None:
        self._key: object = None
        self._sources: tuple[Tensor, ...] = ()
        self._value: T | None = None

    def get(self, weights: Sequence[Tensor], option: Hashable, compute: Callable[[], T]) -> T:
        """Return ``compute()``, or its value of an earlier call with equal weights and option."""
        if torch.is_grad_enabled() or any(part.is_inference() for part in weights):
            return compute()
        # The version counts changes in place.
        key = (option, *((part.data_ptr(), part._version, part.dtype) for part in weights))
        if self._value is None or self._key != key:
            # The value must not be an inference tensor: a later call may be in another mode.
            with torch.inference_mode(False), torch.no_grad():
                self._value = compute()
            # Holding the weights keeps their addresses from being used again.
            self._key, self._sources = key, tuple(part.detach() for part in weights)
        return self._value

    def __reduce__(self) -> tuple[type[WeightCache[T]], tuple[()]]:
        return type(self), ()


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of a (B, C, H, W) tensor."""

    epsilon = 1e-6

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Normalize ``x`` (B, C, H, W) at each pixel."""
        last = F.layer_norm(
            x.movedim(1, -1), self.weight.shape, self.weight, self.bias, self.epsilon
        )
        return last.movedim(-1, 1)


class MLP(nn.Module):
    """Linear layers with an activation between them.

    Parameters
    ----------
    dims : sequence of int
        Numbers of channels from input to output.
    activation : callable
        Applied between layers.
    """

    def __init__(self, *dims: int, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(dims))
        self.activation = activation

    def forward(self, x: Float[Tensor, "*b c_in"]) -> Float[Tensor, "*b c_out"]:
        """Map ``x`` (..., dims[0]) to (..., dims[-1])."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        out: Tensor = last(x)
        return out


def add_by_rows(
    x: Float[Tensor, "*b c"], branch: Callable[[Tensor], Tensor]
) -> Float[Tensor, "*b c"]:
    """Return ``x + branch(x)`` of a function of single tokens; ``x`` (..., C) may be overwritten.

    On a CPU without gradients some tokens are computed at a time: hidden features that fit into
    its cache are several times as fast.
    """
    if torch.is_grad_enabled() or x.device.type != "cpu":
        return x + branch(x).to(x.dtype)
    x = x.contiguous()
    for rows in x.view(-1, x.shape[-1]).split(CACHED_ROWS):
        rows += branch(rows)
    return x


def upsample(x: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Return (B, C, h, w) resized bilinearly to ``size``, with ``align_corners=False``."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
