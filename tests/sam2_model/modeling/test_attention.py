"""Large attention calls in tiles."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sam2_model.modeling.layers import AttentionKernel, tiled_attention
from sam2_model.modeling.memory_attention import RoPEAttention
from sam2_model.modeling.position_encoding import rope_table


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("channels", [8, 16])
def test_attention_in_tiles_is_attention(dtype: torch.dtype, error: float, channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = (1, 2, 150, 16), (1, 2, 70000, 16), (1, 2, 70000, channels)
    q, k, v = (torch.randn(shape, generator=generator).to(dtype) for shape in shapes)
    wanted = F.scaled_dot_product_attention(q.float(), k.float(), v.float())
    found = tiled_attention(q, k, v)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), wanted, rtol=error, atol=error * 0.1)


def test_values_may_be_projected_after_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = RoPEAttention(32, heads=1, kv_dim=8).requires_grad_(False)
    q = torch.randn(2, 1024, 32, generator=generator)
    k, v = (torch.randn(2, 1028, 8, generator=generator) for _ in range(2))
    table = rope_table(32, 32, torch.device("cpu"))
    with torch.inference_mode():
        assert layer.kernel.is_tiled(q, k, narrow_values=True)
        found = layer(q, k, v, table, unrotated=4)
        monkeypatch.setattr(AttentionKernel, "is_tiled", lambda *_, narrow_values: False)
        torch.testing.assert_close(found, layer(q, k, v, table, unrotated=4))
