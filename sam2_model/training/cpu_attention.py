"""Attention with a fast backward pass on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class PlainAttention(TorchFunctionMode):
    """Context in which attention consists of two matrix products and a softmax.

    The backward pass of PyTorch's fused kernel takes several times as long on a CPU for the
    bundled model, above all in bfloat16.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the plain function instead of ``scaled_dot_product_attention``."""
        if func is F.scaled_dot_product_attention:
            return plain_attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def plain_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend (B, h, Nq, C) to (B, h, Nk, C), in the dtype of the queries."""
    with torch.autocast(q.device.type, enabled=False):
        scores = (q * q.shape[-1] ** -0.5) @ k.to(q.dtype).transpose(-2, -1)
        mixed: Tensor = scores.softmax(-1) @ v.to(q.dtype)
        return mixed
