"""Texts about a loaded model, for users and for label files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import ModelInfo


def model_summary(info: ModelInfo) -> str:
    """Return the name, device and purpose of a model, and how to get a better one."""
    from sam2_model.checkpoint.registry import RELEASES

    start = f"Model {info.name} on {info.device}, {info.dtype}, {info.image_size} px"
    if not info.trained:
        return f"{start}: random weights, for testing the program only. {_better('tiny')}"
    release = RELEASES.find(info.name)
    if release is None:
        return f"{start}: your own weights. For other models, see napari-sam2 models list."
    line = f"{start}: good for {release.good_for}."
    if release.name == "micro":
        return f"{line} {_better('tiny')}"
    return line if release.name.endswith("_large") else f"{line} {_better('large')}"


def label_note(info: ModelInfo) -> str:
    """Return the text that is stored with labels of a model."""
    return f"Labels by {info.name}" + ("" if info.trained else ": untrained, not for use")


def _better(size: str) -> str:
    return f"For better masks: napari-sam2 models download sam2.1_hiera_{size}"
