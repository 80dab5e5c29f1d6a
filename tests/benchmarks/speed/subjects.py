"""The implementations that are compared, with one interface."""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sam2_model.modeling.sam2 import SAM2
from sam2_model.precision import Precision
from sam2_model.transforms import frame_pixels
from sam2_model.video_predictor import VideoPredictor
from tests.helpers.networks import released

Frames = Sequence[NDArray[np.uint8]]
_CONFIGS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}


class Subject(Protocol):
    """One implementation with one number format, on one video."""

    def encode(self) -> None:
        """Encode an image."""

    def click(self) -> None:
        """Segment object 0 from one click on frame 0, which is encoded already."""

    def propagate(self) -> Iterator[object]:
        """Track all objects from frame 0 on; each step is one frame."""


def add_peers(folder: str) -> None:
    """Make the packages in a folder importable."""
    sys.path.append(folder)
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:
        # PyPI's torchvision is compiled for CUDA: without CUDA its operators are missing, of
        # which its import needs these. The implementations of SAM 2 call none of them.
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")


def click_of(number: int) -> list[list[float]]:
    """Return the click on one object, (x, y) in pixels of the video."""
    return [[8.0 + 5 * (number % 4), 8.0 + 5 * (number // 4)]]


@functools.cache
def network_of(size: str, side: int) -> SAM2:
    """Return our network with deterministic weights, which all implementations copy."""
    return released(size, side)


class Ours:
    """This package."""

    def __init__(
        self, size: str, side: int, frames: Frames, objects: int, precision: str, device: str
    ) -> None:
        self._network = copy.deepcopy(network_of(size, side)).to(device).cast(precision)
        self._pixels = frame_pixels(frames[0], side, torch.device(device))
        self._session = VideoPredictor(self._network).start(frames)
        for number in range(objects):
            self._session.add_points(0, number, click_of(number), [1])

    def encode(self) -> None:
        with torch.inference_mode():
            self._network.encode_image(self._pixels)

    def click(self) -> None:
        self._session.add_points(0, 0, click_of(0), [1])

    def propagate(self) -> Iterator[object]:
        return self._session.propagate()


class Meta:
    """PyPI's ``sam2``, with autocast if the precision is not float32."""

    def __init__(
        self, size: str, side: int, frames: Frames, objects: int, precision: str, device: str
    ) -> None:
        from sam2.build_sam import build_sam2_video_predictor

        self._device, self._precision = device, Precision.of(precision)
        self._network: Any = build_sam2_video_predictor(
            f"configs/sam2.1/sam2.1_hiera_{_CONFIGS[size]}.yaml",
            None,
            device=device,
            apply_postprocessing=False,
            hydra_overrides_extra=[f"++model.image_size={side}"],
        )
        self._network.load_state_dict(network_of(size, side).state_dict(), strict=True)
        self._pixels = frame_pixels(frames[0], side, torch.device(device))
        with tempfile.TemporaryDirectory() as folder, self._mode():
            for number, frame in enumerate(frames):
                Image.fromarray(frame).save(Path(folder) / f"{number:05d}.jpg", quality=95)
            self._state = self._network.init_state(folder)
            for number in range(objects):
                self._click(number)

    def encode(self) -> None:
        with self._mode():
            self._network.forward_image(self._pixels)

    def click(self) -> None:
        with self._mode():
            self._click(0)

    def propagate(self) -> Iterator[object]:
        steps = iter(self._network.propagate_in_video(self._state))
        while True:
            with self._mode():
                step = next(steps, None)
            if step is None:
                return
            yield step

    def _click(self, number: int) -> None:
        self._network.add_new_points_or_box(
            self._state, 0, number, points=np.array(click_of(number)), labels=np.ones(1, np.int32)
        )

    @contextlib.contextmanager
    def _mode(self) -> Iterator[None]:
        half = self._precision is not Precision.FLOAT32
        dtype = self._precision.weights if half else torch.bfloat16
        kind = torch.device(self._device).type
        with torch.inference_mode(), torch.autocast(kind, dtype, enabled=half):
            yield


class Transformers:
    """Transformers' ``Sam2VideoModel``."""

    def __init__(
        self, size: str, side: int, frames: Frames, objects: int, precision: str, device: str
    ) -> None:
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        from tests.helpers.transformers_network import transformers_network

        dtype = Precision.of(precision).weights
        self._network = transformers_network(network_of(size, side)).to(device, dtype)
        self._side, self._shape, self._dtype = side, frames[0].shape[:2], dtype
        pixels = [frame_pixels(frame, side, torch.device(device)) for frame in frames]
        self._pixels = pixels[0].to(dtype)
        self._session: Any = Sam2VideoInferenceSession(
            video=torch.cat(pixels),
            video_height=self._shape[0],
            video_width=self._shape[1],
            inference_device=device,
            dtype=dtype,
        )
        for number in range(objects):
            self._click(number)

    def encode(self) -> None:
        with torch.inference_mode():
            self._network.get_image_features(self._pixels)

    def click(self) -> None:
        self._click(0)

    def propagate(self) -> Iterator[object]:
        steps = self._network.propagate_in_video_iterator(self._session, start_frame_idx=0)
        while True:
            with torch.inference_mode():
                step = next(steps, None)
            if step is None:
                return
            yield step

    def _click(self, number: int) -> None:
        index = self._session.obj_id_to_idx(number)
        height, width = self._shape
        points = torch.tensor(click_of(number))[None, None] / torch.tensor([width, height])
        given = {
            "point_coords": points * self._side,
            "point_labels": torch.ones(1, 1, 1, dtype=torch.int32),
        }
        self._session.add_point_inputs(index, 0, given)
        self._session.obj_with_new_inputs = [number]
        with torch.inference_mode():
            self._network(self._session, frame_idx=0)


Build = Callable[[str, int, Frames, int, str, str], Subject]

BUILDS: dict[str, Build] = {"ours": Ours, "sam2": Meta, "transformers": Transformers}
"""The implementations by the name of their package."""
