"""The memory encoder: a spatial memory of a mask and its frame (SAM 2 paper, section 4)."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.layers import LayerNorm2d

_FUSER_LAYERS = 2


class MaskDownSampler(nn.Module):
    """Four strided convolutions from the input size to the token grid."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        widths = (1, 4, 16, 64, 256)
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Conv2d(a, b, kernel_size=3, stride=2, padding=1), LayerNorm2d(b)]
            layers += [nn.GELU()]
        layers.append(nn.Conv2d(widths[-1], dim, kernel_size=1))
        self.encoder = nn.Sequential(*layers)

    def forward(self, mask: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b dim h h"]:
        """Map (B, 1, S, S) to (B, dim, S/16, S/16)."""
        out: Tensor = self.encoder(mask)
        return out


class CXBlock(nn.Module):
    """ConvNeXt block with layer scale (Liu et al. 2022, section 2.6)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = LayerNorm2d(dim)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 1e-6))

    def forward(self, x: Float[Tensor, "b dim h w"]) -> Float[Tensor, "b dim h w"]:
        """Map (B, dim, H, W) to the same shape."""
        mixed = self.norm(self.dwconv(x)).movedim(1, -1)
        mixed = self.gamma * self.pwconv2(F.gelu(self.pwconv1(mixed)))
        return x + mixed.movedim(-1, 1)


class Fuser(nn.Module):
    """ConvNeXt blocks that combine mask and image features."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CXBlock(dim) for _ in range(_FUSER_LAYERS))

    def forward(self, x: Float[Tensor, "b dim h w"]) -> Float[Tensor, "b dim h w"]:
        """Map (B, dim, H, W) to the same shape."""
        for layer in self.layers:
            x = layer(x)
        return x


class MemoryEncoder(nn.Module):
    """Encodes masks and the features of their frame as spatial memories."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        dim = config.d_model
        self.mask_downsampler = MaskDownSampler(dim)
        self.pix_feat_proj = nn.Conv2d(dim, dim, kernel_size=1)
        self.fuser = Fuser(dim)
        self.out_proj = nn.Conv2d(dim, config.mem_dim, kernel_size=1)

    def forward(
        self, image: Float[Tensor, "b1 d_model h w"], mask: Float[Tensor, "b 1 16*h 16*w"]
    ) -> Float[Tensor, "b mem_dim h w"]:
        """Return the spatial memory of each object.

        Parameters
        ----------
        image : Tensor
            (B or 1, d_model, h, w) features without memory.
        mask : Tensor
            (B, 1, 16h, 16w), scaled probabilities.

        Returns
        -------
        Tensor
            (B, mem_dim, h, w).
        """
        fused = self.fuser(self.pix_feat_proj(image) + self.mask_downsampler(mask))
        out: Tensor = self.out_proj(fused)
        return out
