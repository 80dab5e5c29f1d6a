"""The mask decoder: masks, their predicted IoU and the object score of each prompt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.layers import MLP, LayerNorm2d
from sam2_model.modeling.transformer import TwoWayTransformer

_MASK_TOKENS = 4
_STABILITY_MARGIN = 0.05
_STABILITY_LIMIT = 0.98


@dataclass(frozen=True, slots=True)
class DecodedMasks:
    """Four masks for each prompt: mask 0 for unambiguous prompts, masks 1 to 3 for ambiguous ones.

    Parameters
    ----------
    logits : Tensor
        (B, 4, S/4, S/4).
    ious : Tensor
        (B, 4), predicted IoU in 0..1.
    tokens : Tensor
        (B, 4, d_model), the mask tokens that become object pointers.
    object_score : Tensor
        (B, 1), logit of the object being visible.
    """

    logits: Float[Tensor, "b 4 h w"]
    ious: Float[Tensor, "b 4"]
    tokens: Float[Tensor, "b 4 d_model"]
    object_score: Float[Tensor, "b 1"]


class MaskDecoder(nn.Module):
    """SAM 2's mask decoder with high-resolution skip features (SAM 2 paper, section 4)."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        dim = config.d_model
        self.transformer = TwoWayTransformer(dim, config.decoder_heads, config.feedforward_dim)
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(_MASK_TOKENS, dim)
        self.obj_score_token = nn.Embedding(1, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 4, kernel_size=2, stride=2),
            LayerNorm2d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.conv_s0 = nn.Conv2d(dim, dim // 8, kernel_size=1)
        self.conv_s1 = nn.Conv2d(dim, dim // 4, kernel_size=1)
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(dim, dim, dim, dim // 8) for _ in range(_MASK_TOKENS)
        )
        self.iou_prediction_head = MLP(dim, dim, dim, _MASK_TOKENS)
        self.pred_obj_score_head = MLP(dim, dim, dim, 1)

    def forward(
        self,
        image: Float[Tensor, "b_image d_model h w"],
        image_positions: Float[Tensor, "1 d_model h w"],
        sparse: Float[Tensor, "b n d_model"],
        high_res: tuple[Float[Tensor, "b1 d8 4*h 4*w"], Float[Tensor, "b1 d4 2*h 2*w"]],
        min_iou: float | None = None,
    ) -> DecodedMasks:
        """Decode the four masks of each prompt.

        Parameters
        ----------
        image : Tensor
            (B or 1, d_model, h, w) features plus the dense prompt embedding.
        image_positions : Tensor
            (1, d_model, h, w) position encoding.
        sparse : Tensor
            (B, N, d_model) prompt tokens.
        high_res : tuple of Tensor
            Projected features at stride 4 (B or 1, d_model / 8, 4h, 4w) and stride 8
            (B or 1, d_model / 4, 2h, 2w).
        min_iou : float, optional
            Leave out prompts none of whose last three masks has this predicted IoU, before
            their masks are computed. Features must have a batch size of 1.
        """
        output_tokens = torch.cat(
            (self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight)
        )
        tokens = torch.cat((output_tokens.expand(len(sparse), -1, -1), sparse), dim=1)
        tokens, image = self.transformer(image, image_positions, tokens)
        ious = self.iou_prediction_head(tokens[:, 1]).sigmoid()
        if min_iou is not None:
            kept = (ious[:, 1:] >= min_iou).any(dim=1)
            tokens, image, ious = tokens[kept], image[kept], ious[kept]
        mask_tokens = tokens[:, 2 : 2 + _MASK_TOKENS]
        return DecodedMasks(
            logits=self._masks(mask_tokens, self._upscale(image, high_res)),
            ious=ious,
            tokens=mask_tokens,
            object_score=self.pred_obj_score_head(tokens[:, 0]),
        )

    def _upscale(self, image: Tensor, high_res: tuple[Tensor, Tensor]) -> Tensor:
        """Return (B, 4h, 4w, C); with channels last, all steps are products of matrices."""
        layers: Iterable[Any] = self.output_upscaling
        double, norm, activate, quadruple, _ = layers
        stride4, stride8 = high_res
        x = _doubled(image.permute(0, 2, 3, 1), double) + stride8.permute(0, 2, 3, 1)
        x = activate(F.layer_norm(x, norm.weight.shape, norm.weight, norm.bias, norm.epsilon))
        return F.gelu(_doubled(x, quadruple) + stride4.permute(0, 2, 3, 1))

    def _masks(self, mask_tokens: Tensor, pixels: Tensor) -> Tensor:
        weights = torch.stack(
            [mlp(mask_tokens[:, n]) for n, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        masks = weights @ pixels.flatten(1, 2).transpose(1, 2)
        return masks.unflatten(-1, pixels.shape[1:3])


def _doubled(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """Apply a transposed 2 x 2 convolution of stride 2 to (B, H, W, C)."""
    height, width = x.shape[1:3]
    weight = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)
    tiles = F.linear(x, weight).unflatten(-1, (2, 2, -1)).transpose(2, 3)
    out: Tensor = tiles.reshape(len(x), 2 * height, 2 * width, tiles.shape[-1])
    return out if layer.bias is None else out + layer.bias


def stability(logits: Float[Tensor, "*b h w"]) -> Float[Tensor, "*b"]:
    """Return the stability of masks (..., H, W), which is 1 for an empty mask.

    It is the ratio of the areas above the thresholds 0.05 and -0.05 (SAM paper, section 5).
    """
    flat = logits.flatten(-2)
    strict = (flat > _STABILITY_MARGIN).sum(-1).float()
    loose = (flat > -_STABILITY_MARGIN).sum(-1).float()
    return torch.where(loose > 0, strict / loose.clamp(min=1), torch.ones_like(loose))


def single_mask(
    decoded: DecodedMasks, dynamic: bool
) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 1"]]:
    """Select the mask of unambiguous prompts.

    Parameters
    ----------
    decoded : DecodedMasks
        Masks of B prompts.
    dynamic : bool
        Whether the best of masks 1 to 3 replaces a mask 0 that is unstable.

    Returns
    -------
    logits : Tensor
        (B, 1, H, W).
    ious : Tensor
        (B, 1), predicted IoU.
    """
    logits, ious = decoded.logits[:, :1], decoded.ious[:, :1]
    if not dynamic:
        return logits, ious
    best = decoded.ious[:, 1:].argmax(-1) + 1
    rows = torch.arange(len(best), device=best.device)
    keep = stability(logits) >= _STABILITY_LIMIT
    return (
        torch.where(keep[..., None, None], logits, decoded.logits[rows, best][:, None]),
        torch.where(keep, ious, decoded.ious[rows, best][:, None]),
    )
