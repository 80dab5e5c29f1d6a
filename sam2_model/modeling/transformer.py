"""The two-way transformer of the mask decoder (SAM paper, appendix A)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.attention.kernel import AttentionKernel
from sam2_model.modeling.layers import MLP


class Attention(nn.Module):
    """Multi-head attention.

    Parameters
    ----------
    dim : int
        Channels of queries and of the output.
    heads : int
        Number of attention heads.
    downsample : int
        Attention has ``dim / downsample`` channels.
    kv_dim : int, optional
        Channels of keys and values; by default ``dim``.
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
        self.kernel = AttentionKernel()

    def forward(
        self,
        q: Float[Tensor, "b_q nq dim"],
        k: Float[Tensor, "b_k nk kv_dim"],
        v: Float[Tensor, "b_k nk kv_dim"],
    ) -> Float[Tensor, "b nq dim"]:
        """Attend (B, Nq, dim) to (B, Nk, kv_dim)."""
        return self.attend(self.q_proj(q), self.k_proj(k), self.v_proj(v))

    def attend(
        self,
        q: Float[Tensor, "b_q nq inner"],
        k: Float[Tensor, "b_k nk inner"],
        v: Float[Tensor, "b_k nk inner"],
    ) -> Float[Tensor, "b nq dim"]:
        """Attend with projected queries, keys and values, of equal batch sizes or 1."""
        batch = max(len(q), len(k))
        q, k, v = (
            t.reshape(*t.shape[:2], self.heads, -1).transpose(1, 2).expand(batch, -1, -1, -1)
            for t in (q, k, v)
        )
        mixed = self.kernel(q, k, v).transpose(1, 2).flatten(2)
        out: Tensor = self.out_proj(mixed)
        return out


class TwoWayAttentionBlock(nn.Module):
    """Self-attention of tokens, and cross-attention between tokens and image both ways."""

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
        self,
        tokens: Float[Tensor, "b n c"],
        image: Float[Tensor, "b_image hw c"],
        token_positions: Float[Tensor, "b n c"],
        image_positions: Float[Tensor, "1 hw c"],
    ) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b hw c"]]:
        """Update tokens (B, N, C) and image (B, HW, C); positions are added to queries and keys."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            queries = tokens + token_positions
            tokens = tokens + self.self_attn(queries, queries, tokens)
        tokens = self.norm1(tokens)
        image_keys = image + image_positions
        queries = tokens + token_positions
        tokens = tokens + self.cross_attn_token_to_image(queries, image_keys, image)
        tokens = self.norm2(tokens)
        tokens = self.norm3(tokens + self.mlp(tokens))
        token_keys = tokens + token_positions
        image = image + self.cross_attn_image_to_token(image_keys, token_keys, tokens)
        return tokens, self.norm4(image)


class TwoWayTransformer(nn.Module):
    """Blocks of two-way attention and a final cross-attention from tokens to image."""

    def __init__(self, dim: int, heads: int, mlp_dim: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayAttentionBlock(dim, heads, mlp_dim, first=number == 0) for number in range(depth)
        )
        self.final_attn_token_to_image = Attention(dim, heads, downsample=2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(
        self,
        image: Float[Tensor, "b_image c h w"],
        image_positions: Float[Tensor, "1 c h w"],
        tokens: Float[Tensor, "b n c"],
    ) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b c h w"]]:
        """Return updated tokens (B, N, C) and image (B, C, H, W).

        An image of batch size 1 is shared by all tokens: its first projections are done once.
        """
        positions = image_positions.flatten(2).transpose(1, 2)
        flat = image.flatten(2).transpose(1, 2)
        out = tokens
        for layer in self.layers:
            out, flat = layer(out, flat, tokens, positions)
        attended = self.final_attn_token_to_image(out + tokens, flat + positions, flat)
        return self.norm_final_attn(out + attended), flat.transpose(1, 2).unflatten(
            -1, image.shape[-2:]
        )
