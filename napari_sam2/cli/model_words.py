"""One line about the model: which, what it is good for, how to get a better one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.predictor_protocol import PredictorInfo


def model_line(info: PredictorInfo) -> str:
    """Return what to tell people of the model that runs."""
    from sam2_model.checkpoint.registry import RELEASES

    where = f"Model {info.name} on {info.device}"
    if not info.trained:
        return f"{where}: random weights, good for a trial of the tool only. {_better('tiny')}"
    release = RELEASES.find(info.name)
    if release is None:
        return f"{where}: your own weights. napari-sam2 models list shows others."
    line = f"{where}: good for {release.good_for}."
    if release.name == "micro":
        return f"{line} {_better('tiny')}"
    return line if release.name.endswith("_large") else f"{line} {_better('large')}"


def _better(size: str) -> str:
    return f"Better masks: napari-sam2 models download sam2.1_hiera_{size}"
