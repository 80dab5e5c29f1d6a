"""Detection of objects by a phrase: the protocol, and the models of transformers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.inference.remote.scheduler import is_address
from napari_sam2.inference.text.catalog import DEFAULT_TEXT_MODEL, TEXT_MODELS
from napari_sam2.inference.text.weights import Progress, fetch_text_model

_KINDS = ("grounding-dino", "mm-grounding-dino")
"""Kinds of models in transformers whose answers are read here."""
_REPORT = {"output_loading_info": True, "ignore_mismatched_sizes": True}
_ADVICE = (
    "Give the folder of a Grounding DINO as transformers saves it, or a name that napari-sam2 "
    "models list shows."
)
_DAMAGED = (
    "The text model returned values that are not numbers: its weights are damaged. Use another "
    "text model, or download it again."
)


@dataclass(frozen=True, slots=True)
class Detection:
    """A box around an object that fits a phrase.

    Parameters
    ----------
    box : tuple of float
        (y0, x0, y1, x1), half-open, in pixels of the image.
    score : float
        Confidence of the detector, in 0..1.

    Raises
    ------
    UserError
        If a value is not finite.
    """

    box: tuple[float, float, float, float]
    score: float

    def __post_init__(self) -> None:
        if not all(map(isfinite, (*self.box, self.score))):
            raise UserError(_DAMAGED)


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

        Raises
        ------
        UserError
            If the model does not know a word of the phrase, the phrase is too long for it, or its
            weights are damaged.
        """
        text = phrase.strip().lower().rstrip(".") + "."
        inputs = self._processor(images=image, text=text, return_tensors="pt")
        self._check_words(phrase, inputs["input_ids"])
        outputs = self._network(**inputs.to(self._network.device))
        if outputs.logits.isnan().any():  # They would be taken for poor scores.
            raise UserError(_DAMAGED)
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

    def _check_words(self, phrase: str, tokens: Any) -> None:
        if (tokens == self._processor.tokenizer.unk_token_id).any():
            raise UserError(
                f'The text model does not know all words of "{phrase}". Use English words.'
            )
        if tokens.shape[1] > self._network.config.max_text_len:
            raise UserError(f'"{phrase}" is too long for the text model. Use fewer words.')


def load_text_detector(
    model: str = DEFAULT_TEXT_MODEL, device: str = "cpu", progress: Progress | None = None
) -> TextDetector:
    """Load a text model; the last one stays in memory, for the searches of a run.

    Parameters
    ----------
    model : str
        A name of :data:`~napari_sam2.inference.text.catalog.TEXT_MODELS`, or a folder with a
        Grounding DINO, MM Grounding DINO or LLMDet as transformers saves it.
    device : str
        ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``; the address of a scheduler is the CPU of
        this computer.
    progress : callable or None
        Called during a download with the numbers of downloaded and of all bytes; its exceptions
        cancel the download. None draws bars on standard error.

    Raises
    ------
    UserError
        If transformers is not installed, or the model is unknown or cannot be loaded.
    CheckpointError
        If a model cannot be downloaded.
    """
    known = TEXT_MODELS.get(model)
    if known is None and not Path(model).is_dir():
        raise UserError(
            f"There is no text model {model}. Give a folder, or one of: {', '.join(TEXT_MODELS)}."
        )
    _check_transformers()
    folder = Path(model) if known is None else fetch_text_model(known, progress)
    return _load(folder, "cpu" if is_address(device) else device)


@lru_cache(maxsize=1)
def _load(folder: Path, device: str) -> ZeroShotDetector:
    _require(folder, "config.json")
    try:
        with _quiet_transformers():
            return _read(folder, device)
    except UserError:
        raise
    except Exception as error:  # Which one depends on the file and on the version of transformers.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
        raise UserError(
            f"The text model in {folder} cannot be loaded: {reason}. {_ADVICE}"
        ) from error


def _read(folder: Path, device: str) -> ZeroShotDetector:
    from transformers import AutoConfig, AutoModelForZeroShotObjectDetection, AutoProcessor

    kind = AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type
    if kind not in _KINDS:
        raise UserError(
            f'The model in {folder} is of the kind "{kind}", not a Grounding DINO. {_ADVICE}'
        )
    _require(folder, "*.safetensors")
    _require(folder, "tokenizer.json", "vocab.txt")
    # The backend without torchvision gives the same boxes wherever the model runs.
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False, backend="pil")
    network, report = AutoModelForZeroShotObjectDetection.from_pretrained(
        folder, trust_remote_code=False, use_safetensors=True, **_REPORT
    )
    wrong = [*report["missing_keys"], *report["mismatched_keys"]]
    if wrong:
        raise UserError(
            f"The weights in {folder} are not those of its model: {len(wrong)} tensors are missing "
            f"or of another size. {_ADVICE}"
        )
    return ZeroShotDetector(processor, network.to(device))


def _require(folder: Path, *patterns: str) -> None:
    """Raise UserError if a folder has no file of some names."""
    if not any(path for pattern in patterns for path in folder.glob(pattern)):
        raise UserError(f"{folder} holds no text model: it has no {patterns[0]}. {_ADVICE}")


def _check_transformers() -> None:
    """Raise UserError if transformers is missing: before a download."""
    if find_spec("transformers") is None:
        raise UserError(
            "Finding by text needs transformers. Install it: pip install 'napari-sam2[text]'"
        )


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep transformers from printing a report of hundreds of lines beside the error."""
    from transformers import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)
