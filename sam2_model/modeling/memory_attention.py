"""Frame features attend to memories (SAM 2 paper, section 4, "Memory attention")."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.position_encoding import rope_table, rotate
from sam2_model.modeling.transformer import Attention

_POSITION_WEIGHT = 0.1


class RoPEAttention(Attention):
    """Single-head attention with axial rotary encoding; trailing keys may be left unturned."""

    def forward(  # type: ignore[override]
        self, q: Tensor, k: Tensor, v: Tensor, table: Tensor, unturned: int = 0
    ) -> Tensor:
        """Attend (B, Nq, dim) over (B, Nk, kv_dim); the last ``unturned`` keys have no place."""
        q = rotate(self.q_proj(q), table)
        k = self.k_proj(k)
        placed = k.shape[1] - unturned
        k = torch.cat((rotate(k[:, :placed], table), k[:, placed:]), dim=1)
        return self.mix(q, k, self.v_proj(v))


class MemoryAttentionLayer(nn.Module):
    """Self-attention, cross-attention to memories, MLP; normalised before each."""

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
        self, x: Tensor, memory: Tensor, keys: Tensor, table: Tensor, pointers: int
    ) -> Tensor:
        """Update (B, HW, d_model) from memory and keys (B, M, mem_dim)."""
        normed = self.norm1(x)
        x = x + self.self_attn(normed, normed, normed, table)
        x = x + self.cross_attn_image(self.norm2(x), keys, memory, table, pointers)
        return x + self.linear2(F.relu(self.linear1(self.norm3(x))))


class MemoryAttention(nn.Module):
    """A stack of layers over one frame's tokens, one batch entry per object."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(config) for _ in range(config.memory_layers)
        )
        self.norm = nn.LayerNorm(config.d_model)

    def forward(
        self, image: Tensor, place: Tensor, memory: Tensor, memory_place: Tensor, pointers: int
    ) -> Tensor:
        """Condition one frame on each object's memories.

        Parameters
        ----------
        image, place : Tensor
            (B, d_model, h, w) features and (1, d_model, h, w) sine encoding.
        memory, memory_place : Tensor
            (B, M, mem_dim): whole h x w grids one after another, then the pointer tokens.
        pointers : int
            How many of the M tokens are pointers, which have no place in the image.

        Returns
        -------
        Tensor
            (B, d_model, h, w).
        """
        table = rope_table(image.shape[1], image.shape[2], image.device)
        x = (image + _POSITION_WEIGHT * place).flatten(2).transpose(1, 2)
        keys = memory + memory_place
        for layer in self.layers:
            x = layer(x, memory, keys, table, pointers)
        return torch.as_tensor(self.norm(x)).transpose(1, 2).reshape(image.shape)
