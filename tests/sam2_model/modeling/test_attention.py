"""Large attention calls in tiles."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sam2_model.modeling.layers import AttentionKernel, tiled_attention
from sam2_model.modeling.memory_attention import RoPEAttention
from sam2_model.modeling.position_encoding import rope_table


@pytest.mark.parametrize("channels", [8, 16])
def test_attention_in_tiles_is_attention_in_bfloat16(channels: int) -> None:
    q, k, v = _inputs(channels, torch.bfloat16)
    wanted = F.scaled_dot_product_attention(q.float(), k.float(), v.float())
    found = tiled_attention(q, k, v)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("channels", [8, 16])
def test_attention_in_tiles_is_as_exact_as_that_of_pytorch(channels: int) -> None:
    q, k, v = _inputs(channels, torch.float32)
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
    usual = F.scaled_dot_product_attention(q, k, v)
    found = tiled_attention(q, k, v)
    assert found.dtype == torch.float32
    assert _error(found, exact) <= 1.1 * _error(usual, exact)


def test_attention_in_blocks_has_exact_weights_for_scores_of_any_size() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(1, 1, n, 16, generator=generator, dtype=torch.float64) for n in (1500, 700))
    v = torch.randn(1, 1, 700, 8, generator=generator, dtype=torch.float64)
    # The exponential of the last scores overflows float32.
    k = k * torch.linspace(0, 100, 700, dtype=torch.float64)[:, None]
    wanted = F.scaled_dot_product_attention(q, k, v)
    found = tiled_attention(q.float(), k.float(), v.float())
    usual = F.scaled_dot_product_attention(q.float(), k.float(), v.float())
    assert torch.isfinite(found).all()
    assert _error(found, wanted) <= 1.1 * _error(usual, wanted)


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


def _inputs(channels: int, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    shapes = (1, 2, 150, 16), (1, 2, 70000, 16), (1, 2, 70000, channels)
    return tuple(torch.randn(shape, generator=generator).to(dtype) for shape in shapes)


def _error(found: torch.Tensor, exact: torch.Tensor) -> float:
    """Return the root mean square of the differences."""
    return float((found - exact).square().mean().sqrt())
