"""What the image encoder knows of one frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Features:
    """Image features, shared by all objects and all prompts of a frame.

    Parameters
    ----------
    top : Tensor
        (B, d_model, S/16, S/16), before any memory.
    stride4 : Tensor
        (B, d_model / 8, S/4, S/4), projected for the mask decoder.
    stride8 : Tensor
        (B, d_model / 4, S/8, S/8), likewise.
    """

    top: Tensor
    stride4: Tensor
    stride8: Tensor

    @property
    def high_res(self) -> tuple[Tensor, Tensor]:
        """Stride 4 and stride 8, as the mask decoder takes them."""
        return self.stride4, self.stride8

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(t.numel() * t.element_size() for t in (self.top, *self.high_res))

    def to(self, device: torch.device) -> Features:
        """Return the same features on another device."""
        return Features(self.top.to(device), self.stride4.to(device), self.stride8.to(device))

    def __getitem__(self, item: slice) -> Features:
        """Return some images of the batch."""
        return Features(self.top[item], self.stride4[item], self.stride8[item])
