"""Scaled dot-product attention of one layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sam2_model.modeling.attention.tiles import offset_attention, tiled_attention
from sam2_model.precision import has_amx

_LARGE_PAIRS = 2**20
_TILED_PAIRS = 2**18
_OFFSET_PAIRS = 2**25


class AttentionKernel(nn.Module):
    """Scaled dot-product attention; large calls may have another dtype and another order.

    Attributes
    ----------
    large_dtype : torch.dtype or None
        Dtype of calls with at least 2**20 pairs of a query and a key; None for the dtype of the
        queries.
    """

    def __init__(self) -> None:
        super().__init__()
        self.large_dtype: torch.dtype | None = None

    def forward(
        self,
        q: Float[Tensor, "b heads nq c"],
        k: Float[Tensor, "b heads nk c"],
        v: Float[Tensor, "b heads nk c_v"],
    ) -> Float[Tensor, "b heads nq c_v"]:
        """Attend (B, heads, Nq, C) to (B, heads, Nk, C); the result has the dtype of ``q``."""
        exact = q.dtype
        narrow = v.shape[-1] < q.shape[-1]
        tiled = self.is_tiled(q, k, narrow_values=narrow)
        if self.large_dtype is not None and _pairs(q, k) >= _LARGE_PAIRS:
            q, k, v = (t.to(self.large_dtype) for t in (q, k, v))
        if tiled:
            order = offset_attention if _with_amx(q.dtype) else tiled_attention
            return order(q, k, v).to(exact)
        if _by_products(q, q.dtype):
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
            return torch.as_tensor(scores.softmax(-1) @ v)
        return F.scaled_dot_product_attention(q, k, v).to(exact)

    def is_tiled(self, q: Tensor, k: Tensor, *, narrow_values: bool) -> bool:
        """Return whether a call is computed in tiles instead of by PyTorch's kernel.

        PyTorch's kernel was measured to take 1.5 to 2.5 times as long in bfloat16 on CPUs without
        AMX. For values of 64 channels and queries of 256, it takes 1.3 times as long in float32,
        and 1.2 (one object) to 1.9 times (four) in bfloat16 with AMX. It is the faster one
        elsewhere.
        """
        pairs = _pairs(q, k)
        if torch.is_grad_enabled() or q.device.type != "cpu" or pairs < _TILED_PAIRS:
            return False
        large = self.large_dtype is not None and pairs >= _LARGE_PAIRS
        dtype = self.large_dtype if self.large_dtype and large else q.dtype
        if _with_amx(dtype):
            return narrow_values and pairs >= _OFFSET_PAIRS
        return _by_products(q, dtype) or (narrow_values and dtype == torch.float32)


def _with_amx(dtype: torch.dtype) -> bool:
    return dtype == torch.bfloat16 and has_amx()


def _by_products(q: Tensor, dtype: torch.dtype) -> bool:
    """Return whether products of matrices are faster than PyTorch's kernel of attention."""
    half = dtype == torch.bfloat16
    return half and q.device.type == "cpu" and not torch.is_grad_enabled() and not has_amx()


def _pairs(q: Tensor, k: Tensor) -> int:
    """Return the number of pairs of a query and a key of one head."""
    return int(q.shape[-2] * k.shape[-2])
