"""The image encoder: trunk and feature pyramid."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.hiera import Hiera


class _Lateral(nn.Module):
    """A 1 x 1 convolution, wrapped in a module because of the checkpoints' keys."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x.to(self.conv.weight.dtype))
        return out


class FpnNeck(nn.Module):
    """Feature pyramid: projects features to ``d_model`` channels, adds stride 32 to stride 16."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        coarsest_first = reversed(config.trunk.stage_dims)
        self.convs = nn.ModuleList(_Lateral(dim, config.d_model) for dim in coarsest_first)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Map four trunk features, finest first, to three at strides 4, 8, 16."""
        stride32, stride16, stride8, stride4 = (
            conv(x) for conv, x in zip(self.convs, reversed(features), strict=True)
        )
        deep = F.interpolate(stride32.float(), scale_factor=2.0, mode="nearest")
        return [stride4, stride8, stride16 + deep.to(stride16.dtype)]


class ImageEncoder(nn.Module):
    """Hiera trunk and FPN neck (SAM 2 paper, section 4, "Image encoder")."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        self.trunk = Hiera(config.trunk)
        self.neck = FpnNeck(config)

    def forward(self, pixels: Float[Tensor, "b 3 s s"]) -> list[Tensor]:
        """Map normalized (B, 3, S, S) to features (B, d_model, S/n, S/n) for n = 4, 8, 16."""
        out: list[Tensor] = self.neck(self.trunk(pixels))
        return out
