"""Colours of synthetic pictures."""

from __future__ import annotations

import numpy as np

from sam2_model.training.scenes import Image
from sam2_model.training.synthetic_looks import Style


def coloured(values: Image, style: Style, rng: np.random.Generator) -> Image:
    """Stain histology, and drop the only channel of grey pictures (T, H, W, C)."""
    if style is Style.HISTOLOGY:
        return stained(values[..., 0], rng)
    return values if values.shape[-1] == 3 else values[..., 0]


def stained(values: Image, rng: np.random.Generator) -> Image:
    """Colour grey tissue (..., H, W) from purple nuclei over pink to white gaps."""
    stops = np.array(((0.3, 0.15, 0.5), (0.8, 0.55, 0.75), (0.95, 0.93, 0.95)))
    stops = (stops + rng.normal(0, 0.07, stops.shape)).clip(0, 1)
    levels = np.linspace(0, 1, 256)
    table = np.stack([np.interp(levels, (0.1, 0.65, 1), stop) for stop in stops.T], axis=1)
    coloured: Image = table.astype(np.float32)[(values.clip(0, 1) * 255).astype(np.uint8)]
    return coloured
