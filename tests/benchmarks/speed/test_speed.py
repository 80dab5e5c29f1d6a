"""The benchmark runs on a small case, and leaves out packages that are missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from tests.benchmarks.speed import __main__ as benchmark
from tests.benchmarks.speed import timing


@pytest.mark.slow
def test_a_small_case_gives_a_table_and_a_chart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("sam2", "transformers"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(timing, "_RATE_SIDE", 64)
    picture = tmp_path / "chart.png"
    options = ["--inputs", "32", "--objects", "1", "--frames", "1", "--dtype", "bfloat16"]
    monkeypatch.setattr(sys, "argv", ["speed", *options, "--chart", str(picture)])
    benchmark.main()
    shown = capsys.readouterr().out
    assert "sam2 is left out" in shown
    assert "transformers is left out" in shown
    lines = [line for line in shown.splitlines() if line.startswith("| tiny 32 px")]
    assert len(lines) == 6
    assert all("ours bfloat16" in line or "ours float32" in line for line in lines)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_operations_of_attention_are_counted() -> None:
    q, k = torch.randn(1, 2, 64, 16), torch.randn(1, 2, 32, 16)
    with torch.inference_mode():
        count = timing.operations(lambda: F.scaled_dot_product_attention(q, k, k))
    assert count == 2 * (2 * 64 * 32 * 16) * 2
