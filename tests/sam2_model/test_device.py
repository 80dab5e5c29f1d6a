"""Devices on simulated machines and this one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sam2_model.device import out_of_memory_advice, resolve_device
from sam2_model.errors import DeviceError
from sam2_model.video_predictor import VideoPredictor
from tests.helpers.networks import network


def _machine(
    monkeypatch: pytest.MonkeyPatch, *, gpus: int = 0, mps: bool = False, cuda: str | None = "12.6"
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.version, "cuda", cuda)


@pytest.mark.parametrize(
    ("gpus", "mps", "found"), [(1, True, "cuda"), (0, True, "mps"), (0, False, "cpu")]
)
def test_auto(monkeypatch: pytest.MonkeyPatch, gpus: int, mps: bool, found: str) -> None:
    _machine(monkeypatch, gpus=gpus, mps=mps)
    assert resolve_device() == torch.device(found)


def test_a_device_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, gpus=2, mps=True)
    for name in ("cpu", "cuda", "cuda:1", "mps"):
        assert resolve_device(name) == torch.device(name)
    assert resolve_device(torch.device("cuda", 1)) == torch.device("cuda:1")


def test_a_torch_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=None)
    with pytest.raises(DeviceError, match=r"built without CUDA.*napari-sam2 doctor.*cpu"):
        resolve_device("cuda")


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch)
    with pytest.raises(DeviceError, match="No CUDA GPU was found: check its driver"):
        resolve_device("cuda")


def test_an_index_too_high(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, gpus=2)
    with pytest.raises(DeviceError, match=r"no cuda:2: 2 GPU\(s\), the last is cuda:1"):
        resolve_device("cuda:2")


def test_no_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch)
    with pytest.raises(DeviceError, match="needs a Mac with Apple silicon"):
        resolve_device("mps")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x"])
def test_an_unknown_device(name: str) -> None:
    with pytest.raises(DeviceError, match=r"Unknown device .*: use auto, cpu, cuda"):
        resolve_device(name)


def test_lack_of_memory_is_answered_with_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, gpus=1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**29, 2**33))
    message = r"0\.5 of 8\.0 GiB are free.*bfloat16.*fewer objects.*image_size.*tiny.*device cpu"
    with pytest.raises(DeviceError, match=message), out_of_memory_advice():
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")


def test_other_errors_pass_through() -> None:
    with pytest.raises(RuntimeError, match="something else"), out_of_memory_advice():
        raise RuntimeError("something else")


def test_lack_of_memory_on_a_mac_is_answered_too() -> None:
    with pytest.raises(DeviceError, match="out of memory"), out_of_memory_advice():
        raise RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)")


@pytest.mark.parametrize(
    "step", ["encode_image", "decode_masks", "encode_memory", "condition_on_memory"]
)
def test_every_step_of_the_network_gives_the_advice(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*args: object, **options: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    model = network()
    parts = {
        "encode_image": (model.image_encoder.trunk, "forward"),
        "decode_masks": (model.sam_mask_decoder, "forward"),
        "encode_memory": (model.memory_encoder, "forward"),
        "condition_on_memory": (model.memory_attention, "forward"),
    }
    module, method = parts[step]
    monkeypatch.setattr(module, method, full)
    video = VideoPredictor(model).start(np.zeros((2, 32, 32), dtype=np.uint8))

    def use() -> None:
        video.add_points(0, 1, [[16, 16]], [1])
        list(video.propagate())

    with pytest.raises(DeviceError, match=r"out of memory.*These need less memory"):
        use()
