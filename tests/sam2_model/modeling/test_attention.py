"""Large attention calls in tiles."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sam2_model.modeling.attention import kernel
from sam2_model.modeling.attention.kernel import AttentionKernel
from sam2_model.modeling.attention.tiles import offset_attention, tiled_attention
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


@pytest.mark.parametrize("channels", [8, 16])
def test_attention_with_offsets_is_more_exact_than_with_rounded_scores(channels: int) -> None:
    q, k, v = _inputs(channels, torch.bfloat16)
    # Scores up to 60, whose rounding to bfloat16 changes weights by a tenth.
    q = q * 4
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
    found = offset_attention(q, k, v)
    assert found.dtype == torch.bfloat16
    assert _error(found, exact) < 0.6 * _error(tiled_attention(q, k, v), exact)


def test_scores_far_above_those_of_the_sample_are_computed_otherwise() -> None:
    q, k, v = _inputs(8, torch.bfloat16)
    # The sample has every 273rd key, which this one is not.
    k[:, :, 1] = 200 * q[:, :, 0]
    found = offset_attention(q, k, v)
    wanted = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
    torch.testing.assert_close(found[:, :, 0].double(), v[:, :, 1].double())
    torch.testing.assert_close(found.double(), wanted, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize(("amx", "order"), [(True, "offset_attention"), (False, "tiled_attention")])
def test_the_order_depends_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, amx: bool, order: str
) -> None:
    q = torch.zeros(1, 1, 2048, 16, dtype=torch.bfloat16)
    k, v = (torch.zeros(1, 1, 2**14, channels, dtype=torch.bfloat16) for channels in (16, 8))
    monkeypatch.setattr(kernel, "has_amx", lambda: amx)
    monkeypatch.setattr(kernel, order, lambda *_: v)
    with torch.inference_mode():
        found = AttentionKernel()(q, k, v)
    assert found is v


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
