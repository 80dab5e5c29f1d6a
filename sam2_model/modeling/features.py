"""Image features of one frame."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Features:
    """Image features of a frame, shared by all its objects and prompts.

    Parameters
    ----------
    top : Tensor
        (B, d_model, S/16, S/16), without memory.
    stride4 : Tensor
        (B, d_model / 8, S/4, S/4), projected for the mask decoder.
    stride8 : Tensor
        (B, d_model / 4, S/8, S/8), projected for the mask decoder.
    """

    top: Float[Tensor, "b d_model h w"]
    stride4: Float[Tensor, "b d4 4*h 4*w"]
    stride8: Float[Tensor, "b d8 2*h 2*w"]

    @property
    def high_res(self) -> tuple[Tensor, Tensor]:
        """The features at stride 4 and stride 8, in the order of the mask decoder."""
        return self.stride4, self.stride8

    @property
    def nbytes(self) -> int:
        """Size of all tensors in bytes."""
        return sum(t.nbytes for t in (self.top, *self.high_res))
