"""Layers that several modules of the network share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.precision import has_amx

T = TypeVar("T")

_LARGE_PAIRS = 2**20
_TILED_PAIRS = 2**18
_TILE_PAIRS = 2**23
_MIN_TILE_ROWS = 64
_BLOCK_QUERIES = 1024
_BLOCK_KEYS = 512


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


class AttentionKernel(nn.Module):
    """Scaled dot-product attention; large calls may have another dtype and another order.

    Attributes
    ----------
    large_dtype : torch.dtype or None
        Dtype of calls with at least 2**20 pairs of a query and a key; None for the dtype of the
        queries.
    """

    def __init__(self) -> None:
        super().__init__()
        self.large_dtype: torch.dtype | None = None

    def forward(
        self,
        q: Float[Tensor, "b heads nq c"],
        k: Float[Tensor, "b heads nk c"],
        v: Float[Tensor, "b heads nk c_v"],
    ) -> Float[Tensor, "b heads nq c_v"]:
        """Attend (B, heads, Nq, C) to (B, heads, Nk, C); the result has the dtype of ``q``."""
        exact = q.dtype
        if self.large_dtype is not None and _is_large(q, k):
            q, k, v = (t.to(self.large_dtype) for t in (q, k, v))
        narrow = v.shape[-1] < q.shape[-1]
        if self.is_tiled(q, k, narrow_values=narrow):
            return tiled_attention(q, k, v).to(exact)
        if _by_products(q, q.dtype):
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
            return torch.as_tensor(scores.softmax(-1) @ v)
        return F.scaled_dot_product_attention(q, k, v).to(exact)

    def is_tiled(self, q: Tensor, k: Tensor, *, narrow_values: bool) -> bool:
        """Return whether a call uses :func:`tiled_attention`.

        PyTorch's kernel was measured to take 1.5 to 2.5 times as long in bfloat16 on CPUs without
        AMX, and 1.3 times as long in float32 for values of 64 channels and queries of 256. It is
        the faster one elsewhere.
        """
        if torch.is_grad_enabled() or q.device.type != "cpu":
            return False
        if q.shape[-2] * k.shape[-2] < _TILED_PAIRS:
            return False
        dtype = self.large_dtype if self.large_dtype and _is_large(q, k) else q.dtype
        return _by_products(q, dtype) or (narrow_values and dtype == torch.float32)


def _by_products(q: Tensor, dtype: torch.dtype) -> bool:
    """Return whether products of matrices are faster than PyTorch's kernel of attention."""
    half = dtype == torch.bfloat16
    return half and q.device.type == "cpu" and not torch.is_grad_enabled() and not has_amx()


def _is_large(q: Tensor, k: Tensor) -> bool:
    return q.shape[-2] * k.shape[-2] >= _LARGE_PAIRS


def tiled_attention(
    q: Float[Tensor, "b heads nq c"],
    k: Float[Tensor, "b heads nk c"],
    v: Float[Tensor, "b heads nk c_v"],
) -> Float[Tensor, "b heads nq c_v"]:
    """Attend (B, heads, Nq, C) to (B, heads, Nk, C), some queries at a time, on a CPU."""
    if q.dtype == torch.float32:
        return _blocked_attention(q, k, v)
    queries, keys = q.shape[-2], k.shape[-2]
    rows = min(queries, max(_MIN_TILE_ROWS, _TILE_PAIRS // keys))
    scores, weights = q.new_empty(2, rows, keys)
    out = q.new_empty(*q.shape[:-1], v.shape[-1])
    scaled = (q * q.shape[-1] ** -0.5).flatten(0, 1)
    pairs = zip(scaled, k.flatten(0, 1), v.flatten(0, 1), out.flatten(0, 1), strict=True)
    for some_q, some_k, some_v, some_out in pairs:
        keys_first = some_k.t()
        for part, result in zip(some_q.split(rows), some_out.split(rows), strict=True):
            score, weight = scores[: len(part)], weights[: len(part)]
            torch.mm(part, keys_first, out=score)
            torch.softmax(score, dim=-1, out=weight)
            torch.mm(weight, some_v, out=result)
    return out


def _blocked_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Do what :func:`tiled_attention` does, with blocks of keys too, that fit into a CPU's cache.

    In bfloat16 the sums over blocks would be rounded. Source: Milakov and Gimelshein 2018, online
    softmax.
    """
    out = q.new_empty(*q.shape[:-1], v.shape[-1])
    scaled = (q * q.shape[-1] ** -0.5).flatten(0, 1)
    for some_q, some_k, some_v, some_out in zip(
        scaled, k.flatten(0, 1), v.flatten(0, 1), out.flatten(0, 1), strict=True
    ):
        blocks = list(zip(some_k.split(_BLOCK_KEYS), some_v.split(_BLOCK_KEYS), strict=True))
        queries = some_q.split(_BLOCK_QUERIES), some_out.split(_BLOCK_QUERIES)
        for part, result in zip(*queries, strict=True):
            _attend_blocks(part, blocks, result)
    return out


def _attend_blocks(q: Tensor, blocks: Sequence[tuple[Tensor, Tensor]], out: Tensor) -> None:
    """Write the attention of scaled queries (Nq, C) to blocks of keys and values to ``out``."""
    buffer = q.new_empty(len(q) * _BLOCK_KEYS)
    largest = q.new_full((len(q), 1), -torch.inf)
    total = torch.zeros_like(largest)
    out.zero_()
    for keys, values in blocks:
        weights = buffer[: len(q) * len(keys)].view(len(q), len(keys))
        torch.mm(q, keys.t(), out=weights)
        before, largest = largest, torch.maximum(largest, weights.amax(1, keepdim=True))
        weights.sub_(largest).exp_()
        shrunk = (before - largest).exp_()
        total.mul_(shrunk).add_(weights.sum(1, keepdim=True))
        out.mul_(shrunk).addmm_(weights, values)
    out.div_(total)


def upsample(x: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Return (B, C, h, w) resized bilinearly to ``size``, with ``align_corners=False``."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
