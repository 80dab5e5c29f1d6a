"""Detection of objects by a phrase: the protocol, and the models of transformers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.inference.remote.scheduler import is_address

DEFAULT_TEXT_MODEL = "llmdet-tiny"
TEXT_MODELS = {
    "grounding-dino-tiny": "IDEA-Research/grounding-dino-tiny",
    "grounding-dino-base": "IDEA-Research/grounding-dino-base",
    "mm-grounding-dino-tiny": "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det",
    "llmdet-tiny": "iSEE-Laboratory/llmdet_tiny",
    "llmdet-base": "iSEE-Laboratory/llmdet_base",
    "llmdet-large": "iSEE-Laboratory/llmdet_large",
}
"""Repositories of the Hugging Face hub by name; the weights of all have the Apache-2.0 license."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A box around an object that fits a phrase.

    Parameters
    ----------
    box : tuple of float
        (y0, x0, y1, x1), half-open, in pixels of the image.
    score : float
        Confidence of the detector, in 0..1.
    """

    box: tuple[float, float, float, float]
    score: float


class TextDetector(Protocol):
    """Finds boxes by a phrase."""

    def detect(
        self, image: NDArray[np.uint8], phrase: str, min_score: float
    ) -> tuple[Detection, ...]:
        """Return the boxes of objects on an RGB image (H, W, 3) that fit a phrase."""


class ZeroShotDetector:
    """A detector over the zero-shot object detection of transformers.

    Parameters
    ----------
    processor, network : object
        The processor and the model, as transformers loads them.
    """

    def __init__(self, processor: Any, network: Any) -> None:
        self._processor = processor
        self._network = network.eval().requires_grad_(False)

    def detect(
        self, image: NDArray[np.uint8], phrase: str, min_score: float
    ) -> tuple[Detection, ...]:
        """Return the boxes of objects on an RGB image (H, W, 3) that fit a phrase.

        One phrase is given in each call: of several, these models return mixtures.
        """
        text = phrase.strip().lower().rstrip(".") + "."
        inputs = self._processor(images=image, text=text, return_tensors="pt")
        inputs = inputs.to(self._network.device)
        outputs = self._network(**inputs)
        [found] = self._processor.post_process_grounded_object_detection(
            outputs,
            inputs["input_ids"],
            threshold=min_score,
            text_threshold=min_score,
            target_sizes=[image.shape[:2]],
        )
        return tuple(
            Detection((y0, x0, y1, x1), score)
            for (x0, y0, x1, y1), score in zip(
                found["boxes"].tolist(), found["scores"].tolist(), strict=True
            )
        )


@lru_cache(maxsize=1)
def load_text_detector(model: str = DEFAULT_TEXT_MODEL, device: str = "cpu") -> TextDetector:
    """Load a text model; the last one stays in memory, for the searches of a run.

    Parameters
    ----------
    model : str
        A name of :data:`TEXT_MODELS`, or a folder with a model of transformers for zero-shot
        object detection.
    device : str
        ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``; the address of a scheduler is the CPU of
        this computer.

    Raises
    ------
    UserError
        If transformers is not installed, or the model is unknown or cannot be loaded.
    """
    source = TEXT_MODELS.get(model, model)
    if model not in TEXT_MODELS and not Path(model).is_dir():
        raise UserError(
            f"There is no text model {model}. Give a folder, or one of: {', '.join(TEXT_MODELS)}."
        )
    try:
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor
    except ImportError as error:
        raise UserError(
            "Finding by text needs transformers. Install it: pip install 'napari-sam2[text]'"
        ) from error
    try:
        processor = AutoProcessor.from_pretrained(source)
        network = AutoModelForZeroShotObjectDetection.from_pretrained(source)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"The text model {model} cannot be loaded: {reason} Check the network, or give a "
            "folder with a complete model for zero-shot object detection."
        ) from error
    return ZeroShotDetector(processor, network.to("cpu" if is_address(device) else device))
