"""Attention whose backward pass is quick on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class PlainAttention(TorchFunctionMode):
    """Context in which attention is two matrix products and a softmax.

    PyTorch's fused kernel saves memory, but its backward pass on a CPU took several times as long
    at the sizes of the smallest model, most of all in bfloat16.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace one function, pass on all others."""
        if func is F.scaled_dot_product_attention:
            return plain_attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def plain_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend (B, h, Nq, C) over (B, h, Nk, C), all in the queries' dtype."""
    with torch.autocast(q.device.type, enabled=False):
        scores = (q * q.shape[-1] ** -0.5) @ k.to(q.dtype).transpose(-2, -1)
        mixed: Tensor = scores.softmax(-1) @ v.to(q.dtype)
        return mixed
