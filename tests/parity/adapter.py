"""The functions of the reference cases' protocol, with numpy arrays, in float32 on the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sam2_model.automatic_mask_generator import AutomaticMaskGenerator, MaskGeneratorSettings
from sam2_model.image_predictor import EncodedImage, ImagePredictor, ImageSettings
from sam2_model.memory_bank import Retention
from sam2_model.modeling.config import MODEL_CONFIGS
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import TrackerSettings
from sam2_model.transforms import image_pixels
from sam2_model.video_predictor import VideoPredictor, VideoSession

try:
    from protocol import DEFAULT_OPTIONS  # beside the program that replays cases of its own
except ModuleNotFoundError:
    from .replay.protocol import DEFAULT_OPTIONS

Array = NDArray[Any]

_SIZES = {"t": "tiny", "s": "small", "b+": "base_plus", "l": "large"}


class Model:
    """A network with the reference's options; it keeps the features of the last image."""

    def __init__(self, network: SAM2, options: Mapping[str, Any]) -> None:
        self.network = network
        cap = options["max_cond_frames_in_attn"]
        self.settings = TrackerSettings(
            binarize_prompted_masks=options["binarize_mask_from_pts"],
            dynamic_multimask=options["dynamic_multimask"],
            corrections_as_conditioning=options["add_all_frames_to_correct_as_cond"],
            fill_hole_area=options["fill_hole_area"],
            non_overlap_masks=options["non_overlap_masks"],
            max_conditioning=None if cap < 0 else cap,
            memory_dtype=getattr(torch, options["memory_dtype"]),
            retention=Retention.ALL,
        )
        self.images = ImagePredictor(
            network, ImageSettings(dynamic_multimask=options["dynamic_multimask"])
        )
        self._encoded: tuple[Array, EncodedImage] | None = None

    def encode(self, image: Array) -> EncodedImage:
        """Return the features of an image; the calls of a case share one image."""
        if self._encoded is None or not np.array_equal(self._encoded[0], image):
            self._encoded = image.copy(), self.images.encode_image(image)
        return self._encoded[1]


def build(variant: str, state_dict: Mapping[str, Array], options: Mapping[str, Any]) -> Model:
    unknown = set(options) - set(DEFAULT_OPTIONS)
    if unknown:
        raise ValueError(f"unknown options: {sorted(unknown)}")
    chosen = {**DEFAULT_OPTIONS, **options}
    family, size = variant.rsplit("_", 1)
    config = MODEL_CONFIGS[f"{family}_{_SIZES[size]}"].resized(chosen["image_size"])
    with torch.device("meta"):
        network = SAM2(config)
    tensors = {key: torch.from_numpy(np.asarray(value)) for key, value in state_dict.items()}
    network.load_state_dict(tensors, strict=True, assign=True)
    return Model(network.eval(), chosen)


def encode_image(model: Model, image: Array) -> list[Array]:
    pixels = image_pixels(image, model.network.config.image_size, model.network.device)
    with torch.inference_mode():
        return [level[0].numpy() for level in model.network.image_encoder(pixels)]


def image_predict(
    model: Model,
    image: Array,
    points: Array | None,
    labels: Array | None,
    box: Array | None,
    mask_input: Array | None,
    multimask: bool,
) -> tuple[Array, Array, Array]:
    found = model.images.predict(
        model.encode(image), points, labels, box, mask_input, multimask=multimask
    )
    return found.low_res.numpy(), found.ious.numpy(), found.logits.numpy()


class Session:
    """A video session with numpy arrays as arguments and results."""

    def __init__(self, session: VideoSession) -> None:
        self.session = session

    def add_points(
        self,
        frame: int,
        obj: int,
        points: Array | None,
        labels: Array | None,
        box: Array | None,
        clear_old: bool,
    ) -> Array:
        found = self.session.add_points(frame, obj, points, labels, box, clear_old=clear_old)
        return found.logits.numpy()

    def add_mask(self, frame: int, obj: int, mask: Array) -> Array:
        return self.session.add_mask(frame, obj, mask).logits.numpy()

    def propagate(
        self, start: int | None, max_frames: int | None, reverse: bool
    ) -> Iterator[tuple[int, list[int], Array]]:
        for found in self.session.propagate(start, max_frames, reverse=reverse):
            yield found.frame, list(found.object_ids), found.logits.numpy()

    def clear_prompts(self, frame: int, obj: int) -> None:
        self.session.clear_prompts(frame, obj)

    def remove_object(self, obj: int) -> None:
        self.session.remove_object(obj)

    def output(self, frame: int, obj: int) -> dict[str, Any] | None:
        entry = self.session.memory(frame, obj)
        if entry is None or entry.logits is None:
            return None
        return {
            "low_res": entry.logits.numpy(),
            "obj_ptr": entry.pointer.numpy(),
            "object_score": float(entry.object_score),
        }


def video(model: Model, frames: list[Array]) -> Session:
    return Session(VideoPredictor(model.network, model.settings).start(frames))


def amg(model: Model, image: Array, **settings: Any) -> list[dict[str, Any]]:
    generator = AutomaticMaskGenerator(model.network, MaskGeneratorSettings(**settings))
    return [
        {
            "bbox": found.bbox,
            "area": found.area,
            "predicted_iou": found.predicted_iou,
            "stability_score": found.stability_score,
            "point": found.point,
        }
        for found in generator.generate(image)
    ]
