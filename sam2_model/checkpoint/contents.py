"""The contents of a checkpoint: its weights, their network, and the size of its input."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sam2_model.checkpoint.files import Weights
from sam2_model.checkpoint.identify import check_fit, empty_network, identify
from sam2_model.checkpoint.third_party import Recognition, recognize
from sam2_model.checkpoint.transformers_keys import original_state
from sam2_model.errors import InputError
from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.sam2 import SAM2

_SAMPLES = 8
_HOW = "set the input size (--input-size, image_size)"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights and the network that they belong to.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Tensors by the public checkpoints' keys.
    config : SAM2Config
        The network, with the input size that the weights were trained at.
    size_note : str
        How the input size was found, if nothing states it; otherwise empty.
    recognition : Recognition or None
        The published weights of others that the file holds, if it was recognized.
    """

    tensors: Mapping[str, Tensor]
    config: SAM2Config
    size_note: str = ""
    recognition: Recognition | None = None

    @property
    def weights_hash(self) -> str:
        """See :func:`sam2_model.checkpoint.weights_hash`."""
        return hash_weights(self.tensors)

    def network(self, image_size: int | None = None) -> SAM2:
        """Return the network in float32 on the CPU.

        Parameters
        ----------
        image_size : int, optional
            Side of the square input in pixels; by default that of the training.

        Raises
        ------
        InputError
            If ``image_size`` is not a multiple of 32.
        """
        try:
            model = empty_network(self.config.resized(image_size or self.config.image_size))
        except ValueError as error:
            raise InputError(str(error)) from error
        model.load_state_dict(self.tensors, strict=True, assign=True)
        return model.float()

    def notes(self, image_size: int | None = None) -> tuple[str, ...]:
        """Return what a user should know about an input size.

        Parameters
        ----------
        image_size : int, optional
            Side of the square input in pixels; by default that of the training.
        """
        trained = self.config.image_size
        if image_size is None:
            return (self.size_note,) if self.size_note else ()
        if image_size == trained or self.size_note:
            return ()
        return (
            f"The weights were trained at {trained} x {trained} pixels. An input of {image_size} x "
            f"{image_size} is approximate: masks are usually worse.",
        )


def check_contents(
    weights: Weights,
    path: Path,
    config: SAM2Config | None,
) -> Checkpoint:
    """Return the contents of a file after checking that they fit a network.

    Parameters
    ----------
    weights : Weights
        What was read from the file.
    path : Path
        The file.
    config : SAM2Config or None
        The network, with the input size of its training; None identifies it by the file.

    Raises
    ------
    CheckpointError
        If the weights fit no known network.
    """
    state = original_state(weights.tensors)
    known = config or weights.config
    found = known or identify(state)
    check_fit(state, found, path)
    if known is not None:
        return Checkpoint(state, found)
    recognition = recognize(path, weights.model_type, found)
    size, note = _trained_size(path, found, recognition)
    return Checkpoint(state, found.resized(size), note, recognition)


def hash_weights(tensors: Mapping[str, Tensor]) -> str:
    """Return a sha256 hash of names, shapes and eight values of each tensor."""
    digest = hashlib.sha256()
    samples = []
    for key, value in sorted(tensors.items()):
        digest.update(f"{key}{tuple(value.shape)}".encode())
        samples.append(value.flatten()[:: max(1, value.numel() // _SAMPLES)][:_SAMPLES].float())
    digest.update(torch.cat(samples).cpu().numpy().tobytes())
    return digest.hexdigest()


def _trained_size(path: Path, config: SAM2Config, found: Recognition | None) -> tuple[int, str]:
    """Return the input size of the training, and how it was found unless that is certain."""
    if found is None:
        size = config.image_size
        return size, (
            f"{path.name} does not state the input size that it was trained at. That of "
            f"{config.name}, {size} x {size} pixels, is used. If it is another one, {_HOW}."
        )
    size = found.weights.image_size
    if found.certain:
        return size, ""
    return size, (
        f"By its name, {path.name} is taken for weights of {found.weights.title}, which were "
        f"trained at {size} x {size} pixels. If it is something else, {_HOW}."
    )
