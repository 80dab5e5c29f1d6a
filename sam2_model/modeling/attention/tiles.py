"""Attention on a CPU in tiles: some queries, or some queries and keys, at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_TILE_PAIRS = 2**23
_MIN_TILE_ROWS = 64
_BLOCK_QUERIES = 1024
_BLOCK_KEYS = 512
_OFFSET_QUERIES = 4096
_OFFSET_KEYS = 1024
_SAMPLED_KEYS = 256
_LOG2_E = math.log2(math.e)
_SUM_COLUMNS = 16
"""Columns that hold the sum of the weights: one, and zeros that keep rows aligned."""


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
    for some_q, some_k, some_v, some_out in _heads(q * q.shape[-1] ** -0.5, k, v, out):
        keys_first = some_k.t()
        for part, result in zip(some_q.split(rows), some_out.split(rows), strict=True):
            score, weight = scores[: len(part)], weights[: len(part)]
            torch.mm(part, keys_first, out=score)
            torch.softmax(score, dim=-1, out=weight)
            torch.mm(weight, some_v, out=result)
    return out


def offset_attention(
    q: Float[Tensor, "b heads nq c"],
    k: Float[Tensor, "b heads nk c"],
    v: Float[Tensor, "b heads nk c_v"],
) -> Float[Tensor, "b heads nq c_v"]:
    """Do what :func:`tiled_attention` does without a softmax over all keys of a query.

    Attention is unchanged if the same number is subtracted from all scores of a query. Here it is
    the largest score of some of the keys, so that blocks of keys need not wait for the largest of
    all. Sums over blocks are in float32. Where a score exceeds its offset by more than the
    exponent of the dtype can hold, :func:`tiled_attention` computes all.
    """
    out = q.new_empty(*q.shape[:-1], v.shape[-1])
    for some_q, some_k, some_v, some_out in _heads(q * (_LOG2_E * q.shape[-1] ** -0.5), k, v, out):
        sample = some_k[:: max(1, len(some_k) // _SAMPLED_KEYS)]
        values = some_v.new_zeros(len(some_v), some_v.shape[1] + _SUM_COLUMNS)
        values[:, : some_v.shape[1]] = some_v
        values[:, some_v.shape[1]] = 1
        for part, result in zip(
            some_q.split(_OFFSET_QUERIES), some_out.split(_OFFSET_QUERIES), strict=True
        ):
            _attend_offset(part, some_k, values, sample, result)
    return out if torch.isfinite(out).all() else tiled_attention(q, k, v)


def _attend_offset(q: Tensor, k: Tensor, values: Tensor, sample: Tensor, out: Tensor) -> None:
    """Write the attention of scaled queries (Nq, C) to keys (Nk, C) to ``out`` (Nq, C_v).

    ``values`` have a column of ones after the ``C_v`` values. Scores are exponents of 2.
    """
    offset = torch.mm(q, sample.t()).amax(1, keepdim=True).neg_()
    buffer = q.new_empty(len(q) * min(len(k), _OFFSET_KEYS))
    blocks = list(zip(k.split(_OFFSET_KEYS), values.split(_OFFSET_KEYS), strict=True))
    sums = q.new_empty(len(blocks), len(q), values.shape[1])
    for (keys, some), result in zip(blocks, sums, strict=True):
        weights = buffer[: len(q) * len(keys)].view(len(q), len(keys))
        torch.addmm(offset.expand(-1, len(keys)), q, keys.t(), out=weights)
        torch.mm(weights.exp2_(), some, out=result)
    total = sums.sum(0, dtype=torch.float32)
    channels = out.shape[1]
    out.copy_(total[:, :channels] / total[:, channels : channels + 1])


def _heads(q: Tensor, k: Tensor, v: Tensor, out: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the queries, keys, values and results of each head of each entry of the batch."""
    yield from zip(*(t.flatten(0, 1) for t in (q, k, v, out)), strict=True)


def _blocked_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Do what :func:`tiled_attention` does, with blocks of keys too, that fit into a CPU's cache.

    In bfloat16 the sums over blocks would be rounded. Source: Milakov and Gimelshein 2018, online
    softmax.
    """
    out = q.new_empty(*q.shape[:-1], v.shape[-1])
    for some_q, some_k, some_v, some_out in _heads(q * q.shape[-1] ** -0.5, k, v, out):
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
