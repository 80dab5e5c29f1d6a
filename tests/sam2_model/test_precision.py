"""Half precision, hole filling, image sizes: what must not change the masks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from sam2_model.errors import InputError
from sam2_model.image_predictor import ImagePredictor, ImageSettings
from sam2_model.modeling.position_encoding import rope_table, rotate, rotate_, sine_1d, sine_2d
from sam2_model.modeling.sam2 import SAM2
from sam2_model.precision import Precision, cpu_features, resolve_precision
from sam2_model.transforms import fill_holes, small_components
from sam2_model.video_predictor import VideoPredictor
from tests.helpers.networks import clip, network, released
from tests.parity.replay.protocol import image_of
from tests.parity.test_golden import build_case

GOLDEN = Path(__file__).parents[1] / "parity" / "golden"


def _masks(model: SAM2, image: np.ndarray, calls: list[dict[str, Any]]) -> list[np.ndarray]:
    predictor = ImagePredictor(model, ImageSettings(dynamic_multimask=False))
    encoded = predictor.encode_image(image)
    prompts = [(call.get("points"), call.get("labels"), call.get("box")) for call in calls]
    return [predictor.predict(encoded, *prompt, multimask=False).masks for prompt in prompts]


FULL_SIZE = ["image_t21", "image_t21_unstable", "image_s20_1024px"]


@pytest.mark.parametrize(
    "name", ["image_t21_256", *(pytest.param(name, marks=pytest.mark.slow) for name in FULL_SIZE)]
)
def test_bfloat16_weights_give_the_same_masks(name: str) -> None:
    case = json.loads((GOLDEN / f"{name}.json").read_text())
    image = image_of(case["image"])
    calls = [call for call in case["calls"] if call.get("mask_input") is None]
    exact = _masks(build_case(case).network, image, calls)
    half = _masks(build_case(case).network.cast(torch.bfloat16), image, calls)
    for call, a, b in zip(calls, exact, half, strict=True):
        assert (a & b).sum() / (a | b).sum() >= 0.97, call["name"]


def test_casting_keeps_click_frequencies() -> None:
    model = network()
    before = model.sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.clone()
    model.cast(torch.bfloat16)
    after = model.sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    assert after.dtype == torch.float32
    assert torch.equal(before, after)
    assert model.dtype == torch.bfloat16


def test_bfloat16_video_runs() -> None:
    session = VideoPredictor(network().cast(torch.bfloat16)).start(clip(4))
    session.add_points(0, 1, [[30.0, 20.0]], [1])
    assert all(torch.isfinite(found.logits).all() for found in session.propagate())


@pytest.mark.parametrize("size", [32, 96, 224, pytest.param(512, marks=pytest.mark.slow)])
def test_any_multiple_of_32_works(size: int) -> None:
    model = released("tiny", size)
    session = VideoPredictor(model).start(clip(2))
    session.add_points(0, 1, [[30.0, 20.0]], [1])
    assert [found.logits.shape for found in session.propagate()] == [(1, 1, 48, 60)] * 2


@given(
    plane=arrays.arrays(np.float32, (12, 15), elements=st.sampled_from([-3.0, 2.0])),
    area=st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_filling_holes_only_raises_small_ones(plane: np.ndarray, area: int) -> None:
    filled = fill_holes(torch.from_numpy(plane)[None, None], area)[0, 0].numpy()
    changed = filled != plane
    assert (filled >= plane).all()
    assert (plane[changed] < 0).all()
    labels, count = ndimage.label(filled <= 0, np.ones((3, 3)))
    sizes = ndimage.sum_labels(np.ones_like(filled), labels, range(1, count + 1))
    assert all(size > area for size in np.atleast_1d(sizes))


def test_small_components_of_nothing() -> None:
    assert not small_components(np.zeros((4, 4), bool), 5).any()
    assert small_components(np.eye(4, dtype=bool), 4).sum() == 4
    assert not small_components(np.eye(4, dtype=bool), 3).any()


def test_rotation_is_complex_multiplication() -> None:
    device = torch.device("cpu")
    table = rope_table(8, 3, device)
    x = torch.randn(2, 18, 8)
    turned = rotate(x, table)
    factors = torch.view_as_complex(table.permute(1, 2, 0).contiguous()).repeat(2, 1)
    pairs = torch.view_as_complex(x.unflatten(-1, (4, 2)).contiguous())
    wanted = torch.view_as_real(pairs * factors).flatten(-2)
    torch.testing.assert_close(turned, wanted)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3)])
def test_rotation_in_place_reaches_the_leading_keys_of_all_objects(
    dtype: torch.dtype, error: float
) -> None:
    table = rope_table(16, 3, torch.device("cpu"))
    keys, bias = torch.randn(3, 2 * 9 + 4, 16).to(dtype), torch.randn(16).to(dtype)
    rotated = rotate(keys[:, :18].float() + bias.float(), table)
    wanted = torch.cat((rotated, keys[:, 18:].float()), dim=1)
    rotate_(keys[:, :18], table, bias)
    torch.testing.assert_close(keys.float(), wanted, rtol=error, atol=error)


def test_rotation_depends_on_distance_alone() -> None:
    table = rope_table(16, 6, torch.device("cpu"))
    q, k = torch.randn(1, 1, 16).expand(1, 36, 16), torch.randn(1, 1, 16).expand(1, 36, 16)
    scores = (rotate(q, table) @ rotate(k, table).transpose(1, 2))[0].view(6, 6, 6, 6)
    torch.testing.assert_close(scores[1, 1, 2, 4], scores[2, 0, 3, 3])


def test_sine_encodings_tell_places_apart() -> None:
    grid = sine_2d(32, 5, 7, torch.device("cpu"))[0].flatten(1).T
    assert grid.shape == (35, 32)
    assert torch.cdist(grid, grid).fill_diagonal_(1).min() > 1e-2
    times = sine_1d(torch.arange(16) / 15, 32)
    assert torch.cdist(times, times).fill_diagonal_(1).min() > 1e-3


def test_bfloat16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for listed, found in (({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": False}, "float32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda listed=listed: listed)
        cpu_features.cache_clear()
        assert resolve_precision("auto", "cpu").value == found
    cpu_features.cache_clear()


@pytest.mark.parametrize(("capability", "found"), [((9, 0), "bfloat16"), ((7, 5), "float32")])
def test_bfloat16_where_the_gpu_has_it(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], found: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", "cuda:1").value == found
    assert resolve_precision("auto", "mps") is Precision.FLOAT32


def test_names_and_dtypes_of_precisions() -> None:
    for wanted in (torch.bfloat16, "bfloat16", Precision.BFLOAT16):
        assert resolve_precision(wanted, "cpu").weights is torch.bfloat16
    for wanted in ("half", torch.int8, "torch"):
        with pytest.raises(InputError, match=r"There is no dtype .*auto, float32, bfloat16"):
            resolve_precision(wanted, "cpu")


@pytest.mark.slow
def test_mixed_keeps_float32_weights() -> None:
    exact = released("tiny", 512)
    pixels = torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = exact.encode_image(pixels).top
        mixed = exact.cast("mixed")
        found = mixed.encode_image(pixels).top
    assert mixed.precision is Precision.MIXED
    assert {value.dtype for value in mixed.state_dict().values()} == {torch.float32}
    difference = (found - wanted).abs().max() / wanted.abs().max()
    assert 1e-5 < difference < 0.05
    assert mixed.cast("float32").precision is Precision.FLOAT32
    with torch.inference_mode():
        assert torch.equal(mixed.encode_image(pixels).top, wanted)


@pytest.fixture
def tf32_is_on() -> Iterator[None]:
    cudnn: Any = torch.backends.cudnn
    settings = torch.backends.cuda.matmul, cudnn.conv
    before = [setting.fp32_precision for setting in settings]
    for setting in settings:
        setting.fp32_precision = "tf32"
    yield
    for setting, value in zip(settings, before, strict=True):
        setting.fp32_precision = value


def _tf32() -> tuple[str, str]:
    cudnn: Any = torch.backends.cudnn
    return torch.backends.cuda.matmul.fp32_precision, cudnn.conv.fp32_precision


@pytest.mark.skipif(
    not hasattr(torch.backends.cudnn, "conv"), reason="this torch has switches of TF32 only"
)
@pytest.mark.usefixtures("tf32_is_on")
@pytest.mark.parametrize(
    ("precision", "exact"), [(Precision.FLOAT32, True), (Precision.BFLOAT16, False)]
)
def test_float32_on_a_gpu_has_no_tf32_and_restores_it(
    monkeypatch: pytest.MonkeyPatch, precision: Precision, exact: bool
) -> None:
    model = network().cast(precision)
    monkeypatch.setattr(type(model), "device", torch.device("cuda"))
    seen: list[tuple[str, str]] = []

    def fail(*_: object) -> None:
        seen.append(_tf32())
        raise RuntimeError("stopped")

    monkeypatch.setattr(model.image_encoder.trunk, "forward", fail)
    pixels = torch.zeros(1, 3, 32, 32)
    with torch.inference_mode(), pytest.raises(RuntimeError, match="stopped"):
        model.encode_image(pixels)
    assert seen == [("ieee", "ieee") if exact else ("tf32", "tf32")]
    assert _tf32() == ("tf32", "tf32")
    # Training chooses for itself.
    with pytest.raises(RuntimeError, match="stopped"):
        model.encode_image(pixels)
    assert seen[1] == ("tf32", "tf32")
