"""The mask decoder's two-way transformer (SAM paper, appendix A, "Lightweight mask decoder")."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from sam2_model.modeling.layers import MLP


class Attention(nn.Module):
    """Multi-head attention whose inner width may be narrower than its input.

    Parameters
    ----------
    dim : int
        Channels of queries and of the output.
    heads : int
        Attention heads.
    downsample : int
        Inner width is ``dim / downsample``.
    kv_dim : int, optional
        Channels of keys and values; ``dim`` when not given.
    """

    def __init__(
        self, dim: int, heads: int, downsample: int = 1, kv_dim: int | None = None
    ) -> None:
        super().__init__()
        inner = dim // downsample
        self.heads = heads
        self.q_proj = nn.Linear(dim, inner)
        self.k_proj = nn.Linear(kv_dim or dim, inner)
        self.v_proj = nn.Linear(kv_dim or dim, inner)
        self.out_proj = nn.Linear(inner, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend (B, Nq, dim) over (B, Nk, kv_dim)."""
        return self.mix(self.q_proj(q), self.k_proj(k), self.v_proj(v))

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend with queries, keys and values that are projected already."""
        q, k, v = (t.reshape(*t.shape[:2], self.heads, -1).transpose(1, 2) for t in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out: Tensor = self.out_proj(mixed)
        return out


class TwoWayAttentionBlock(nn.Module):
    """Tokens attend to themselves and to the image; the image attends to the tokens."""

    def __init__(self, dim: int, heads: int, mlp_dim: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, heads)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = Attention(dim, heads, downsample=2)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim, mlp_dim, dim)
        self.norm3 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = Attention(dim, heads, downsample=2)
        self.norm4 = nn.LayerNorm(dim)

    def forward(
        self, tokens: Tensor, image: Tensor, token_place: Tensor, image_place: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Update tokens (B, N, C) and image (B, HW, C); places are added to queries and keys."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_place
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        image_key = image + image_place
        tokens = tokens + self.cross_attn_token_to_image(tokens + token_place, image_key, image)
        tokens = self.norm2(tokens)
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = image + self.cross_attn_image_to_token(image_key, tokens + token_place, tokens)
        return tokens, self.norm4(image)


class TwoWayTransformer(nn.Module):
    """Two blocks and a last look of the tokens at the image."""

    def __init__(self, dim: int, heads: int, mlp_dim: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayAttentionBlock(dim, heads, mlp_dim, first=number == 0) for number in range(depth)
        )
        self.final_attn_token_to_image = Attention(dim, heads, downsample=2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(self, image: Tensor, image_place: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Mix tokens (B, N, C) with image (B, C, H, W).

        Returns
        -------
        tuple of Tensor
            Tokens (B, N, C) and image (B, C, H, W).
        """
        place = image_place.flatten(2).transpose(1, 2)
        flat = image.flatten(2).transpose(1, 2)
        out = tokens
        for layer in self.layers:
            out, flat = layer(out, flat, tokens, place)
        look = self.final_attn_token_to_image(out + tokens, flat + place, flat)
        return self.norm_final_attn(out + look), flat.transpose(1, 2).reshape(image.shape)
