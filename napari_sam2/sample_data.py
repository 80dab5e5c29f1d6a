"""Samples for File > Open Sample, drawn on the spot: nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LayerData = tuple[Any, dict[str, Any], str]


def moving_cells() -> list[LayerData]:
    """Return a movie of cells that move and divide, with a point to begin with."""
    image, labels = _scene("FLUORESCENCE", seed=5, frames=24, shape=(256, 320), volume=False)
    options = {
        "name": "Cells that move and divide",
        "scale": (10.0, 0.65, 0.65),
        "units": ("minute", "micrometer", "micrometer"),
        "axis_labels": ("t", "y", "x"),
    }
    return [(image, options, "image"), _suggestion(labels, options)]


def nuclei_volume() -> list[LayerData]:
    """Return a volume of nuclei, with a point to begin with."""
    image, labels = _scene("FLUORESCENCE", seed=11, frames=32, shape=(224, 256), volume=True)
    options = {
        "name": "Nuclei in a volume",
        "scale": (2.0, 0.5, 0.5),
        "units": ("micrometer",) * 3,
        "axis_labels": ("z", "y", "x"),
    }
    return [(image, options, "image"), _suggestion(labels, options)]


def organ_volume() -> list[LayerData]:
    """Return an organ-like volume, with a point to begin with."""
    image, labels = _scene("ORGANS", seed=3, frames=32, shape=(256, 256), volume=True)
    options = {
        "name": "Organ-like volume",
        "scale": (2.5, 1.0, 1.0),
        "units": ("millimeter",) * 3,
        "axis_labels": ("z", "y", "x"),
    }
    return [(image, options, "image"), _suggestion(labels, options)]


def _scene(
    style: str, *, seed: int, frames: int, shape: tuple[int, int], volume: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    from sam2_model.training.synthetic import draw_scene
    from sam2_model.training.synthetic_sprites import Style

    rng = np.random.default_rng(seed)
    values, labels = draw_scene(Style[style], rng, frames, volume=volume, shape=shape).render()
    return (values.clip(0, 1) * 255).astype(np.uint8), labels


def _suggestion(labels: NDArray[np.uint16], options: dict[str, Any]) -> LayerData:
    """Return a layer with a point in the middle of a good first object."""
    from napari_sam2.prompt_labels import deepest

    frame = len(labels) // 2 if options["axis_labels"][0] == "z" else 0
    ids, counts = np.unique(labels[frame][labels[frame] > 0], return_counts=True)
    y, x = deepest(labels[frame] == ids[np.argsort(counts)[len(counts) // 2]])
    kept = {key: options[key] for key in ("scale", "units", "axis_labels")}
    shown = {
        "name": "Click here first",
        "face_color": "transparent",
        "border_color": "#ffd24d",
        "border_width": 0.15,
        "size": 14,
        "symbol": "ring",
    }
    return [[frame, y, x]], {**kept, **shown}, "points"
