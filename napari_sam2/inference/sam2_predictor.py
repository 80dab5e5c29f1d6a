"""The adapter to SAM 2: the one place that knows torch, and where (y, x) becomes (x, y)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.inference.protocol import (
    ImageEmbedding,
    MaskCandidates,
    ModelInfo,
    TrackingResult,
    TrackState,
    ViewPrompts,
)
from sam2_model import memory_bank
from sam2_model.checkpoint import auto_model_name, load_model, weights_hash
from sam2_model.checkpoint.registry import BUNDLED_MICRO, RELEASES, Registry
from sam2_model.device import resolve_device
from sam2_model.modeling.config import MICRO, TOKEN_STRIDE, SAM2Config
from sam2_model.modeling.features import Features
from sam2_model.modeling.layers import upsample
from sam2_model.modeling.sam2 import SAM2, SelectedMask
from sam2_model.tracker import FrameTime, Prompt, Tracker, TrackerSettings
from sam2_model.transforms import Coordinates, PointTokens, frame_pixels, mask_to_square

MAX_PROMPTED = 8
"""Conditioning frames that a frame attends to, nearest first, so that cost stays bounded."""


@dataclass(frozen=True, slots=True)
class EncodedView:
    """Features of one image and the image's size.

    Parameters
    ----------
    features : Features
        Of the network.
    shape : tuple of int
        Height and width of the image, in pixels.
    """

    features: Features
    shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.features.nbytes


class SAM2Predictor:
    """Answers what the session asks with a SAM 2 network.

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    name : str
        What users call it.
    weights_hash : str
        Identifies the weights.
    trained : bool
        False for random weights.
    settings : TrackerSettings or None
        How prompts and memories are used.
    """

    def __init__(
        self,
        model: SAM2,
        name: str,
        weights_hash: str,
        *,
        trained: bool = True,
        settings: TrackerSettings | None = None,
    ) -> None:
        self.model = model
        self.tracker = Tracker(model, settings)
        self._info = ModelInfo(
            name=name,
            image_size=model.config.image_size,
            token_stride=TOKEN_STRIDE,
            trained=trained,
            weights_hash=weights_hash,
            device=str(model.device),
        )

    @property
    def info(self) -> ModelInfo:
        """Name, sizes, device."""
        return self._info

    @torch.inference_mode()
    def encode(self, image: NDArray[np.uint8]) -> EncodedView:
        """Encode an RGB image (H, W, 3) of any size; it is squeezed to the square input."""
        pixels = frame_pixels(image, self.info.image_size, self.model.device)
        return EncodedView(self.model.encode(pixels), (image.shape[0], image.shape[1]))

    @torch.inference_mode()
    def predict(self, encoding: ImageEmbedding, prompt: ViewPrompts) -> MaskCandidates:
        """Answer one prompt on one image, with no memory; a lone click gets three answers."""
        seen = _own(encoding)
        if len(prompt.points) != 1 or prompt.box is not None or prompt.mask is not None:
            choice = self.tracker.prompt(
                seen.features, FrameTime(0), self._prompt(seen, prompt), None
            )
            return _candidates(choice.logits[0], choice.ious[0], choice.object_score, seen.shape)
        asked = self._prompt(seen, prompt)
        tokens = asked.points
        hint = None if asked.previous is None else asked.previous[None, None].clamp(-32, 32)
        decoded = self.model.decode(
            self.model.without_memory(seen.features),
            seen.features.high_res,
            None if tokens is None else tokens.points,
            None if tokens is None else tokens.labels,
            hint,
        )
        order = decoded.ious[0, 1:].argsort(descending=True, stable=True) + 1
        logits, ious = decoded.logits[0, order], decoded.ious[0, order]
        return _candidates(logits, ious, decoded.object_score, seen.shape)

    def add_prompts(
        self,
        encoding: ImageEmbedding,
        frame: int,
        prompts: Sequence[ViewPrompts],
        states: Sequence[TrackState | None],
    ) -> list[TrackingResult]:
        """Make each prompt's frame a conditioning frame of its state."""
        seen = _own(encoding)
        steps = []
        for prompt, state in zip(prompts, states, strict=True):
            asked = self._prompt(seen, prompt)
            choice = self.tracker.prompt(seen.features, FrameTime(frame), asked, None)
            entries = self.tracker.remember(seen.features, frame, [choice])
            steps.append(_step(choice, _bank(state).with_prompted(entries[0]), seen.shape))
        return steps

    def track(
        self,
        encoding: ImageEmbedding,
        frame: int,
        states: Sequence[TrackState],
        *,
        reverse: bool,
        zoomed: bool = False,
    ) -> list[TrackingResult]:
        """Follow every object onto this frame, or onto a window of it."""
        seen = _own(encoding)
        banks = [_bank(state) for state in states]
        place = FrameTime(frame, reverse)
        followed = self.tracker.track(seen.features, place, banks, zoomed=zoomed)
        return [_step(choice, state, seen.shape) for choice, state in followed]

    @torch.inference_mode()
    def add_masks(
        self,
        encoding: ImageEmbedding,
        frame: int,
        logits: Sequence[NDArray[np.float32]],
        states: Sequence[TrackState | None],
        *,
        conditioning: bool,
    ) -> list[TrackState]:
        """Write given masks (H, W logits) into states as memories of this frame."""
        seen = _own(encoding)
        made: list[TrackState] = []
        for mask, state in zip(logits, states, strict=True):
            square = mask_to_square(mask > 0, self.info.image_size, self.model.device)
            choice = self.model.adopt(seen.features, square)
            entry = self.tracker.remember(seen.features, frame, [choice])[0]
            bank = _bank(state)
            made.append(bank.with_prompted(entry) if conditioning else bank.with_tracked(entry))
        return made

    def shift_memory(self, state: TrackState, tokens: tuple[int, int]) -> TrackState:
        """Return the state as seen from a window moved by (dy, dx) whole memory tokens."""
        return self.tracker.shift(_bank(state), *tokens)

    def serialize_state(self, state: TrackState) -> bytes:
        """Serialise a state; loading it continues bit-identically."""
        return _bank(state).to_bytes()

    def deserialize_state(self, data: bytes) -> TrackState:
        """Undo :meth:`serialize_state`."""
        return memory_bank.TrackState.from_bytes(data, self.model.device)

    def _prompt(self, seen: EncodedView, prompt: ViewPrompts) -> Prompt:
        if prompt.mask is not None:
            size = self.info.image_size
            return Prompt(mask=mask_to_square(prompt.mask, size, self.model.device))
        return Prompt(points=self._tokens(seen, prompt), previous=self._previous(prompt))

    def _tokens(self, seen: EncodedView, prompt: ViewPrompts) -> PointTokens | None:
        coordinates = Coordinates(*seen.shape, self.info.image_size)
        parts = []
        if prompt.box is not None:
            corners = prompt.box[:, ::-1].reshape(4)
            parts.append(coordinates.boxes(corners, self.model.device))
        if len(prompt.points):
            corners = np.clip(prompt.points[:, ::-1] + 0.5, 0, seen.shape[::-1])
            parts.append(coordinates.points(corners, prompt.labels, self.model.device))
        return PointTokens.joined(parts) if parts else None

    def _previous(self, prompt: ViewPrompts) -> Tensor | None:
        if prompt.previous is None:
            return None
        logits = torch.from_numpy(prompt.previous)[None, None].to(self.model.device)
        side = self.model.config.mask_side
        small = torch.nn.functional.interpolate(
            logits, size=(side, side), mode="bilinear", antialias=True
        )
        return small[0, 0]


def load_predictor(
    model: str | Path = "auto",
    device: str = "auto",
    *,
    progress: Callable[[int, int], None] | None = None,
    registry: Registry | None = None,
) -> SAM2Predictor:
    """Make the predictor of a model.

    Parameters
    ----------
    model : str or Path
        ``"auto"`` (a SAM 2.1 that was downloaded, else ``"micro"``), a name that ``napari-sam2
        models list`` shows, or a weights file. Where ``micro`` does not come with the
        installation, a network of its size with seeded random weights stands in, and says so
        (``info.trained`` is False).
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    progress : callable or None
        Called during a download with the bytes that are here and those of the whole.
    registry : Registry or None
        What names mean; None for the released models.

    Raises
    ------
    SAM2Error
        If the model or the device cannot be had.
    """
    known = registry or RELEASES
    name = auto_model_name(known) if model == "auto" else model
    if name == MICRO.name and not BUNDLED_MICRO.is_file():
        return untrained_predictor(MICRO, resolve_device(device))
    network = load_model(name, device=device, progress=progress, registry=known)
    shown = Path(name).name
    return SAM2Predictor(network, shown, weights_hash(network), settings=_settings())


def untrained_predictor(config: SAM2Config, device: torch.device) -> SAM2Predictor:
    """Make a predictor with seeded random weights, equal on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SAM2(config)
    name = f"{config.name} (untrained)"
    return SAM2Predictor(
        network.eval().to(device), name, "seed-0", trained=False, settings=_settings()
    )


def _settings() -> TrackerSettings:
    return TrackerSettings(max_prompted=MAX_PROMPTED)


def _own(encoding: ImageEmbedding) -> EncodedView:
    if not isinstance(encoding, EncodedView):
        raise TypeError(f"This predictor did not make {type(encoding).__name__}.")
    return encoding


def _bank(state: TrackState | None) -> memory_bank.TrackState:
    if state is None:
        return memory_bank.TrackState()
    if not isinstance(state, memory_bank.TrackState):
        raise TypeError(f"This predictor did not make {type(state).__name__}.")
    return state


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _candidates(
    logits: Tensor, ious: Tensor, object_score: Tensor, shape: tuple[int, int]
) -> MaskCandidates:
    full = upsample(logits.float()[None], shape)[0]
    return MaskCandidates(_array(full), _array(ious), float(object_score.flatten()[0]))


def _step(choice: SelectedMask, state: TrackState, shape: tuple[int, int]) -> TrackingResult:
    return TrackingResult(
        logits=_array(upsample(choice.logits.float(), shape)[0, 0]),
        predicted_iou=float(choice.ious.flatten()[0]),
        object_score=float(choice.object_score.flatten()[0]),
        state=state,
    )
