"""The image encoder: trunk and feature pyramid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.hiera import Hiera
from sam2_model.modeling.layers import WeightCache


class _Lateral(nn.Module):
    """A 1 x 1 convolution, wrapped in a module because of the checkpoints' keys."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=1)
        self._product = WeightCache[tuple[Tensor, Tensor]]()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x.to(self.conv.weight.dtype))
        return out

    def followed_by(self, second: nn.Conv2d, x: Tensor) -> Tensor:
        """Return (B, C, H, W) after this convolution and a second 1 x 1 one, in its dtype.

        Without gradients, the two are one product with the product of their weights.
        """
        first, bias, after = self.conv, self.conv.bias, second.bias
        if torch.is_grad_enabled() or bias is None or after is None:
            return torch.as_tensor(second(self(x).to(second.weight.dtype)))

        def product() -> tuple[Tensor, Tensor]:
            outer, inner = (layer.weight.float().flatten(1) for layer in (second, first))
            shift = outer @ bias.float() + after.float()
            return (outer @ inner).to(after.dtype), shift.to(after.dtype)

        weights = first.weight, bias, second.weight, after
        weight, shift = self._product.get(weights, None, product)
        return F.linear(x.movedim(1, -1).to(weight.dtype), weight, shift).movedim(-1, 1)


class FpnNeck(nn.Module):
    """Feature pyramid: projects features to ``d_model`` channels, adds stride 32 to stride 16."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        coarsest_first = reversed(config.trunk.stage_dims)
        self.convs = nn.ModuleList(_Lateral(dim, config.d_model) for dim in coarsest_first)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Map four trunk features, finest first, to three at strides 4, 8, 16."""
        stride4, stride8, stride16, stride32 = features
        _, _, lateral8, lateral4 = self.convs
        return [lateral4(stride4), lateral8(stride8), self.top(stride16, stride32)]

    def projected(
        self, stride4: Tensor, stride8: Tensor, after4: nn.Conv2d, after8: nn.Conv2d
    ) -> tuple[Tensor, Tensor]:
        """Return the features at strides 4 and 8, each after another 1 x 1 convolution."""
        laterals = [lateral for lateral in self.convs if isinstance(lateral, _Lateral)]
        return laterals[3].followed_by(after4, stride4), laterals[2].followed_by(after8, stride8)

    def top(self, stride16: Tensor, stride32: Tensor) -> Tensor:
        """Return the features at stride 16, with those at stride 32 added."""
        lateral32, lateral16, _, _ = self.convs
        fine, deep = lateral16(stride16), lateral32(stride32)
        deep = F.interpolate(deep.float(), scale_factor=2.0, mode="nearest")
        return torch.as_tensor(fine + deep.to(fine.dtype))


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
