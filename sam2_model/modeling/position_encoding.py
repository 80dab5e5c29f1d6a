"""Position encodings: sine, random Fourier and rotary."""

from __future__ import annotations

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

_TEMPERATURE = 10000.0
_TABLES = 16


def _paired_periods(count: int, device: torch.device) -> Tensor:
    """Return ``count`` wavelengths in equal pairs: each is used for a sine and a cosine."""
    pair = torch.div(torch.arange(count, device=device), 2, rounding_mode="floor")
    return _TEMPERATURE ** (2 * pair.float() / count)


@functools.lru_cache(_TABLES)
@torch.inference_mode(False)
@torch.no_grad()
def sine_2d(
    channels: int, height: int, width: int, device: torch.device
) -> Float[Tensor, "1 {channels} {height} {width}"]:
    """Return interleaved sines and cosines of a grid's normalized coordinates.

    Source: Carion et al. 2020 (DETR), as SAM 2 uses it. Later calls return the same tensor.

    Parameters
    ----------
    channels : int
        Number of channels; the first half encodes rows, the second columns.
    height, width : int
        Size of the grid in tokens; positions are 1..n divided by n, times 2 pi.
    device : torch.device
        Device of the result.

    Returns
    -------
    Tensor
        (1, channels, height, width), float32.
    """
    periods = _paired_periods(channels // 2, device)

    def axis(n: int) -> Tensor:
        position = torch.arange(1, n + 1, device=device, dtype=torch.float32) / (n + 1e-6)
        angle = (position * (2 * math.pi))[:, None] / periods
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)

    rows = axis(height)[:, None, :].expand(-1, width, -1)
    columns = axis(width)[None, :, :].expand(height, -1, -1)
    return torch.cat((rows, columns), dim=-1).permute(2, 0, 1)[None]


def sine_1d(position: Float[Tensor, " n"], channels: int) -> Float[Tensor, "n {channels}"]:
    """Encode numbers (N,) as (N, channels): all sines, then all cosines (SAM 2.1 pointers)."""
    angle = position.float()[:, None] / _paired_periods(channels // 2, position.device)
    return torch.cat((angle.sin(), angle.cos()), dim=1)


class PositionEmbeddingRandom(nn.Module):
    """Random Fourier features of points on the unit square (Tancik et al. 2020).

    The matrix is part of the checkpoint and stays in float32: rounded frequencies would move
    all points.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, half_channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, half_channels))

    def forward(self, xy: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b channels"]:
        """Encode points (..., 2), (x, y) in 0..1, as (..., 2 * half_channels) float32."""
        matrix = self.positional_encoding_gaussian_matrix.float()
        angle = (2 * math.pi) * ((2 * xy.float() - 1) @ matrix)
        return torch.cat((angle.sin(), angle.cos()), dim=-1)

    def grid(self, side: int) -> Float[Tensor, "1 channels {side} {side}"]:
        """Encode the centers of a ``side`` x ``side`` grid as (1, channels, side, side)."""
        device = self.positional_encoding_gaussian_matrix.device
        center = (torch.arange(side, device=device, dtype=torch.float32) + 0.5) / side
        y, x = torch.meshgrid(center, center, indexing="ij")
        encoded: Tensor = self(torch.stack((x, y), dim=-1))
        return encoded.permute(2, 0, 1)[None]


@functools.lru_cache(_TABLES)
@torch.inference_mode(False)
@torch.no_grad()
def rope_table(
    dim: int, side: int, device: torch.device
) -> Float[Tensor, "2 {side}*{side} {dim}//2"]:
    """Return cosines and sines of axial rotary encoding (Heo et al. 2024, section 3.1).

    Later calls return the same tensor.

    Parameters
    ----------
    dim : int
        Channels of a query, a multiple of 4: half of its pairs encode x, half y.
    side : int
        Side of the square grid in tokens, in row-major order.
    device : torch.device
        Device of the result.

    Returns
    -------
    Tensor
        (2, side * side, dim / 2) float32: cosines, sines.
    """
    exponent = torch.arange(0, dim, 4, device=device, dtype=torch.float32)[: dim // 4] / dim
    frequency = 1.0 / _TEMPERATURE**exponent
    token = torch.arange(side * side, device=device)
    x = (token % side).float()
    y = torch.div(token, side, rounding_mode="floor").float()
    angle = torch.cat((torch.outer(x, frequency), torch.outer(y, frequency)), dim=1)
    return torch.stack((angle.cos(), angle.sin()))


def rotate(
    x: Float[Tensor, "b n c"], table: Float[Tensor, "2 side2 half"]
) -> Float[Tensor, "b n c"]:
    """Rotate adjacent channel pairs of ``x`` (B, N, C) by ``table`` (2, n, C/2), repeated to N."""
    repeats = x.shape[1] // table.shape[1]
    cos, sin = table.to(x.dtype).repeat(1, repeats, 1)
    even, odd = x[..., 0::2], x[..., 1::2]
    rotated = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
    return rotated.flatten(-2)


def rotate_(
    x: Float[Tensor, "b n c"], table: Float[Tensor, "2 side2 half"], bias: Float[Tensor, " c"]
) -> None:
    """Do what :func:`rotate` does to ``x + bias`` in place, by complex products in float32."""
    factors, offset = torch.complex(table[0], table[1]), bias.float()
    grids = x.unflatten(1, (-1, table.shape[1]))
    # Parts that fit into the cache of a CPU are several times as fast.
    parts = [grid for each in grids for grid in each] if x.device.type == "cpu" else [grids]
    for part in parts:
        exact = part.add_(offset) if part.dtype == offset.dtype else part + offset
        torch.view_as_complex(exact.unflatten(-1, (-1, 2))).mul_(factors)
        if exact is not part:
            part.copy_(exact)
