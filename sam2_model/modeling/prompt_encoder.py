"""The prompt encoder: embeddings of points, boxes and masks (SAM paper, section 3)."""

from __future__ import annotations

from enum import IntEnum

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.layers import LayerNorm2d
from sam2_model.modeling.position_encoding import PositionEmbeddingRandom

_MASK_CHANNELS = 16


class PointLabel(IntEnum):
    """The meaning of a point. A box consists of two points, its corners."""

    PADDING = -1
    OUTSIDE = 0
    INSIDE = 1
    BOX_TOP_LEFT = 2
    BOX_BOTTOM_RIGHT = 3


class PromptEncoder(nn.Module):
    """Embeds points and boxes as sparse tokens, and masks densely."""

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        dim = config.d_model
        self.image_size = config.image_size
        self.token_side = config.token_side
        self.pe_layer = PositionEmbeddingRandom(dim // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, _MASK_CHANNELS // 4, kernel_size=2, stride=2),
            LayerNorm2d(_MASK_CHANNELS // 4),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS // 4, _MASK_CHANNELS, kernel_size=2, stride=2),
            LayerNorm2d(_MASK_CHANNELS),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS, dim, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, dim)

    def dense_positions(self) -> Float[Tensor, "1 d_model side side"]:
        """Return the position encoding of the image tokens, (1, d_model, side, side)."""
        return self.pe_layer.grid(self.token_side).to(self.no_mask_embed.weight.dtype)

    def sparse(
        self, points: Float[Tensor, "b n 2"], labels: Integer[Tensor, "b n"]
    ) -> Float[Tensor, "b tokens d_model"]:
        """Return the tokens of points, followed by a padding token unless there are no points.

        Parameters
        ----------
        points : Tensor
            (B, N, 2), (x, y) in pixels of the square input.
        labels : Tensor
            (B, N), :class:`PointLabel` values.

        Returns
        -------
        Tensor
            (B, N + 1, d_model), or (B, 0, d_model) without points.
        """
        if points.shape[1] == 0:
            return self.no_mask_embed.weight.new_zeros(
                len(points), 0, self.no_mask_embed.weight.shape[1]
            )
        points = torch.cat((points.float(), points.new_zeros(len(points), 1, 2).float()), dim=1)
        labels = torch.cat((labels, labels.new_full((len(labels), 1), PointLabel.PADDING)), dim=1)
        positions = self.pe_layer((points + 0.5) / self.image_size)
        embeddings = (self.not_a_point_embed, *self.point_embeddings)
        kinds = torch.cat([torch.as_tensor(embedding.weight) for embedding in embeddings])
        positions = positions.masked_fill((labels == PointLabel.PADDING)[..., None], 0.0)
        return positions.to(kinds.dtype) + kinds[labels.long() + 1]

    def dense(
        self, mask: Float[Tensor, "b 1 s s"] | None, batch: int
    ) -> Float[Tensor, "b d_model side side"]:
        """Return the embedding (B, d_model, side, side) of logits (B, 1, S/4, S/4) or of None."""
        if mask is None:
            absent: Tensor = self.no_mask_embed.weight[..., None, None]
            return absent.expand(batch, -1, self.token_side, self.token_side)
        embedded: Tensor = self.mask_downscaling(mask.to(self.no_mask_embed.weight.dtype))
        return embedded
