"""Memory attention: conditions frame features on memories (SAM 2 paper, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.layers import add_by_rows
from sam2_model.modeling.position_encoding import rope_table, rotate, rotate_
from sam2_model.modeling.transformer import Attention

_POSITION_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class MemoryTokens:
    """Memories of B objects with equally many tokens: the input of memory attention.

    Parameters
    ----------
    spatial : Tensor
        (B, K, mem_dim, h, w).
    slots : sequence of int
        K time slots: 0 for the previous frame, 5 for six frames before, 6 for a conditioning frame.
    pointers : Tensor
        (B, P, d_model).
    distances : Tensor
        (P,), distance in time to each pointer's frame, divided by the longest distance.
    key_scales : Tensor or None
        (B, K + P), factors of the attention keys of spatial memories and of pointers.
    """

    spatial: Float[Tensor, "b k mem_dim h w"]
    slots: Sequence[int]
    pointers: Float[Tensor, "b p d_model"]
    distances: Float[Tensor, " p"]
    key_scales: Float[Tensor, "b k_p"] | None = None


class RoPEAttention(Attention):
    """Single-head attention with axial rotary position encoding of queries and leading keys."""

    def forward(  # type: ignore[override]
        self,
        q: Float[Tensor, "b_q nq dim"],
        k: Float[Tensor, "b_k nk kv_dim"],
        v: Float[Tensor, "b_k nk kv_dim"],
        table: Float[Tensor, "2 n half"],
        unrotated: int = 0,
    ) -> Float[Tensor, "b nq dim"]:
        """Attend (B, Nq, dim) to (B, Nk, kv_dim); the last ``unrotated`` keys have no position.

        A batch of 1 is shared by all entries of the other one.
        """
        q = _rotated(self.q_proj, q, table)
        narrow = v.shape[-1] < q.shape[-1]
        if narrow and self.kernel.is_tiled(q, k, narrow_values=True):
            # Weights of attention sum to 1, so values can be projected after they are averaged.
            mixed = self._averaged(q, k, v, table, unrotated)
            return torch.as_tensor(self.out_proj(self.v_proj(mixed)))
        return self.attend(q, _rotated(self.k_proj, k, table, unrotated), self.v_proj(v))

    def _averaged(self, q: Tensor, k: Tensor, v: Tensor, table: Tensor, unrotated: int) -> Tensor:
        """Return averages (B, Nq, kv_dim) of values; one entry at a time needs less memory."""
        found = []
        for number, queries in enumerate(q.expand(max(len(q), len(k)), -1, -1)):
            some = slice(number, number + 1) if len(k) > 1 else slice(None)
            keys = _rotated(self.k_proj, k[some], table, unrotated)
            found.append(self.kernel(queries[None, None], keys[:, None], v[some, None])[:, 0])
        return torch.cat(found)


def _rotated(projection: nn.Linear, x: Tensor, table: Tensor, unrotated: int = 0) -> Tensor:
    """Return projected tokens (B, N, C), of which all but the last ``unrotated`` are rotated."""
    rotated = x.shape[1] - unrotated
    # Gradients need the old values, and MPS has no complex numbers.
    if torch.is_grad_enabled() or x.device.type == "mps":
        out = projection(x)
        return torch.cat((rotate(out[:, :rotated], table), out[:, rotated:]), dim=1)
    # Adding the bias of a large linear layer in the layer would take a copy.
    out = F.linear(x, projection.weight)
    rotate_(out[:, :rotated], table, projection.bias)
    out[:, rotated:] += projection.bias
    return out


class MemoryAttentionLayer(nn.Module):
    """Self-attention, cross-attention to memories and an MLP, each after a layer norm."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        dim = config.d_model
        self.self_attn = RoPEAttention(dim, heads=1)
        self.cross_attn_image = RoPEAttention(dim, heads=1, kv_dim=config.mem_dim)
        self.linear1 = nn.Linear(dim, config.feedforward_dim)
        self.linear2 = nn.Linear(config.feedforward_dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)

    def forward(
        self,
        x: Float[Tensor, "b_image hw d_model"],
        memory: Float[Tensor, "b m mem_dim"],
        keys: Float[Tensor, "b m mem_dim"],
        table: Float[Tensor, "2 hw half"],
        pointers: int,
    ) -> Float[Tensor, "b hw d_model"]:
        """Update (B, HW, d_model), or (1, HW, d_model), from memory and keys (B, M, mem_dim)."""
        normed = self.norm1(x)
        x = x + self.self_attn(normed, normed, normed, table)
        x = x + self.cross_attn_image(self.norm2(x), keys, memory, table, pointers)
        return add_by_rows(x, self._mixed)

    def _mixed(self, x: Tensor) -> Tensor:
        """Return the MLP's output (..., d_model) for tokens (..., d_model)."""
        inner = F.relu(self.linear1(self.norm3(x)), inplace=not torch.is_grad_enabled())
        return torch.as_tensor(self.linear2(inner))


class MemoryAttention(nn.Module):
    """Layers that update a frame's tokens; each object is an entry of the batch."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(config) for _ in range(config.memory_layers)
        )
        self.norm = nn.LayerNorm(config.d_model)

    def forward(
        self,
        image: Float[Tensor, "b_image d_model h w"],
        positions: Float[Tensor, "1 d_model h w"],
        memory: Float[Tensor, "b m mem_dim"],
        memory_positions: Float[Tensor, "b m mem_dim"],
        pointers: int,
        key_scales: Float[Tensor, "b m"] | None = None,
    ) -> Float[Tensor, "b d_model h w"]:
        """Return a frame's features, conditioned on each object's memories.

        Parameters
        ----------
        image, positions : Tensor
            (B, d_model, h, w) features, or (1, d_model, h, w) for all objects, and their
            (1, d_model, h, w) position encoding.
        memory, memory_positions : Tensor
            (B, M, mem_dim): the h x w grids of all memories, followed by the pointer tokens.
        pointers : int
            Number of pointer tokens, which have no position in the image.
        key_scales : Tensor, optional
            (B, M) factors of the keys; None leaves them as they are.

        Returns
        -------
        Tensor
            (B, d_model, h, w).
        """
        table = rope_table(image.shape[1], image.shape[2], image.device)
        x = (image + _POSITION_WEIGHT * positions).flatten(2).transpose(1, 2)
        keys = memory + memory_positions
        if key_scales is not None:
            keys = keys * key_scales[..., None]
        for layer in self.layers:
            x = layer(x, memory, keys, table, pointers)
        return torch.as_tensor(self.norm(x)).transpose(1, 2).reshape(len(x), *image.shape[1:])
