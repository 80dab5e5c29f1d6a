"""The Hiera trunk: a vision transformer of four stages, mostly with windowed attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.attention.kernel import AttentionKernel
from sam2_model.modeling.config import HieraConfig
from sam2_model.modeling.layers import CACHED_ROWS, MLP, WeightCache, add_by_rows

_MLP_RATIO = 4
_WINDOW_EMBED_SIDE = 8


def partition(
    x: Float[Tensor, "b h w c"], window: int
) -> tuple[Float[Tensor, "bn window window c"], tuple[int, int]]:
    """Split a grid into windows, zero-padded at the bottom and on the right.

    Returns
    -------
    windows : Tensor
        (B * rows * columns, window, window, C).
    count : tuple of int
        Numbers of windows along rows and columns.
    """
    batch, height, width, channels = x.shape
    rows, columns = -(-height // window), -(-width // window)
    if (rows * window, columns * window) != (height, width):
        # Padding by 0 would copy the tensor.
        x = F.pad(x, (0, 0, 0, columns * window - width, 0, rows * window - height))
    x = x.view(batch, rows, window, columns, window, channels).transpose(2, 3)
    return x.reshape(-1, window, window, channels), (rows, columns)


def merge(
    windows: Float[Tensor, "bn window window c"], count: tuple[int, int], size: tuple[int, int]
) -> Float[Tensor, "b h w c"]:
    """Return the grid (B, *size, C) that :func:`partition` split, without padding."""
    rows, columns = count
    side, channels = windows.shape[1], windows.shape[-1]
    x = windows.view(-1, rows, columns, side, side, channels).transpose(2, 3)
    x = x.reshape(-1, rows * side, columns * side, channels)
    return x[:, : size[0], : size[1]].contiguous()


def halve(x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h2 w2 c"]:
    """Max-pool a grid (B, H, W, C) over 2 x 2 tokens."""
    rows = torch.maximum(x[:, 0::2], x[:, 1::2])
    return torch.maximum(rows[:, :, 0::2], rows[:, :, 1::2])


class MultiScaleAttention(nn.Module):
    """Self-attention within windows, with queries pooled 2 x 2 if ``pooled``."""

    def __init__(self, dim: int, dim_out: int, heads: int, pooled: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pooled = pooled
        self.qkv = nn.Linear(dim, 3 * dim_out)
        self.proj = nn.Linear(dim_out, dim_out)
        self.kernel = AttentionKernel()

    def forward(self, x: Float[Tensor, "b h w dim"]) -> Float[Tensor, "b h_out w_out dim_out"]:
        """Map (B, H, W, dim) to (B, H, W, dim_out), or half of H and W if queries are pooled."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.pooled:
            q = halve(q)
        size = q.shape[:3]
        q, k, v = (
            t.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v)
        )
        out = self.kernel(q, k, v)
        projected: Tensor = self.proj(out.transpose(1, 2).reshape(*size, -1))
        return projected


class MultiScaleBlock(nn.Module):
    """A transformer block; the first block of a stage doubles the channels and halves the grid.

    Parameters
    ----------
    dim, dim_out : int
        Channels in and out.
    heads : int
        Number of attention heads.
    window : int
        Side of the windows in tokens; 0 for global attention.
    pooled : bool
        Whether the grid is halved.
    """

    def __init__(self, dim: int, dim_out: int, heads: int, window: int, pooled: bool) -> None:
        super().__init__()
        self.window = window
        self.pooled = pooled
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = MultiScaleAttention(dim, dim_out, heads, pooled)
        self.norm2 = nn.LayerNorm(dim_out, eps=1e-6)
        self.mlp = MLP(dim_out, dim_out * _MLP_RATIO, dim_out, activation=F.gelu)
        self.proj = nn.Linear(dim, dim_out) if dim != dim_out else None

    def forward(self, x: Float[Tensor, "b h w dim"]) -> Float[Tensor, "b h_out w_out dim_out"]:
        """Map (B, H, W, dim) to (B, H, W, dim_out), or half of H and W if pooled.

        Residual sums have the dtype of the norms.
        """
        exact, coarse = self.norm1.weight.dtype, self.attn.proj.weight.dtype
        normed = self.norm1(x).to(coarse)
        skip = x if self.proj is None else self.proj(normed).to(exact)
        if self.pooled:
            skip = halve(skip)
        x = skip + self._attend(normed, (skip.shape[1], skip.shape[2])).to(exact)
        return add_by_rows(x, lambda rows: self.mlp(self.norm2(rows).to(coarse)))

    def _attend(self, x: Tensor, size_out: tuple[int, int]) -> Tensor:
        if self.window in (0, x.shape[1]):
            out: Tensor = self.attn(x)
            return out
        windows, count = partition(x, self.window)
        return merge(self.attn(windows), count, size_out)


class PatchEmbed(nn.Module):
    """Embedding of overlapping 7 x 7 patches at stride 4."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=7, stride=4, padding=3)

    def forward(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b s4 s4 dim"]:
        """Map (B, 3, S, S) to (B, S/4, S/4, dim)."""
        if pixels.device.type == "cpu":
            # Measured to be several times as fast in bfloat16, and the result needs no copy.
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        out: Tensor = self.proj(pixels)
        return out.permute(0, 2, 3, 1)


class Hiera(nn.Module):
    """The trunk: feature maps of an image at strides 4, 8, 16 and 32 (SAM 2 paper, section 4)."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        dim = config.embed_dim
        self.patch_embed = PatchEmbed(dim)
        self.pos_embed = nn.Parameter(
            torch.zeros(1, dim, *config.window_pos_embed_bkg_spatial_size)
        )
        self.pos_embed_window = nn.Parameter(
            torch.zeros(1, dim, _WINDOW_EMBED_SIDE, _WINDOW_EMBED_SIDE)
        )
        blocks = _blocks(config)
        self.blocks = nn.ModuleList(blocks)
        self.windows = tuple(block.window for block in blocks)
        ends = [sum(config.stages[: i + 1]) - 1 for i in range(len(config.stages))]
        self.stage_ends = frozenset(ends)
        self._cache = WeightCache[Tensor]()

    def forward(self, pixels: Float[Tensor, "b 3 s s"]) -> list[Tensor]:
        """Map normalized (B, 3, S, S) to features (B, C, S/stride, S/stride), finest first."""
        x = self.patch_embed(pixels).to(self.pos_embed.dtype)
        x = (x + self._positions(x.shape[1])).contiguous()
        features = []
        count: tuple[int, int] | None = None
        for number, block in enumerate(self.blocks):
            x, count = _arranged(x, count, self.windows[number])
            x = block(x) if count is None else _by_windows(block, x)
            if number in self.stage_ends:
                grid, _ = _arranged(x, count, 0)
                features.append(grid.permute(0, 3, 1, 2))
        return features

    def _positions(self, side: int) -> Tensor:
        """Return the position embedding (1, side, side, C), cached until the weights change."""
        weights = self.pos_embed, self.pos_embed_window
        return self._cache.get(weights, side, lambda: self._computed_positions(side))

    def _computed_positions(self, side: int) -> Tensor:
        """Return the background embedding, resized, plus the window embedding, tiled."""
        background = F.interpolate(self.pos_embed, size=(side, side), mode="bicubic")
        tiles = side // _WINDOW_EMBED_SIDE
        tiled = self.pos_embed_window.tile(1, 1, tiles, tiles)
        return (background + tiled).permute(0, 2, 3, 1)


def _by_windows(block: nn.Module, windows: Tensor) -> Tensor:
    """Return a block's result for windows (N, side, side, C), which do not depend on each other.

    On a CPU without gradients few are computed at a time, so that features stay in its cache.
    """
    if torch.is_grad_enabled() or windows.device.type != "cpu":
        return torch.as_tensor(block(windows))
    count = max(1, CACHED_ROWS // windows.shape[1] ** 2)
    return torch.cat([block(some) for some in windows.split(count)])


def _arranged(
    x: Tensor, count: tuple[int, int] | None, window: int
) -> tuple[Tensor, tuple[int, int] | None]:
    """Return a grid as windows if they fill it, and as a grid otherwise.

    Blocks with equal windows need no copies between them.

    Parameters
    ----------
    x : Tensor
        A grid (B, H, W, C), or windows (B * rows * columns, side, side, C).
    count : tuple of int or None
        Rows and columns of windows; None for a grid.
    window : int
        Side of the windows that the next block attends in; 0 for the whole grid.
    """
    if count is not None:
        if x.shape[1] == window:
            return x, count
        x = merge(x, count, (count[0] * x.shape[1], count[1] * x.shape[2]))
    if window == 0 or x.shape[1] % window or x.shape[2] % window:
        return x, None
    return partition(x, window)


def _blocks(config: HieraConfig) -> list[MultiScaleBlock]:
    blocks: list[MultiScaleBlock] = []
    dim = config.embed_dim
    for stage, (depth, dim_out) in enumerate(zip(config.stages, config.stage_dims, strict=True)):
        for index in range(depth):
            first = index == 0 and stage > 0
            # The input of a block that pools has the grid, and so the window, of the stage before.
            window = config.window_spec[stage - 1 if first else stage]
            if len(blocks) in config.global_att_blocks:
                window = 0
            blocks.append(
                MultiScaleBlock(dim, dim_out, config.num_heads * 2**stage, window, pooled=first)
            )
            dim = dim_out
    return blocks
