"""The synthetic generator: movies and volumes with their truth, and training clips.

It is napari's sample data and the demo's input too, and needs numpy and scipy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sam2_model.training.data import augmentation as augment
from sam2_model.training.data.samples import SIDE, ClipSample, sample_of
from sam2_model.training.synthetic.appearance import Style, blend_of, coloured
from sam2_model.training.synthetic.defocus import draw_defocus
from sam2_model.training.synthetic.lifecycle import draw_lifecycle
from sam2_model.training.synthetic.rendering import Blend
from sam2_model.training.synthetic.scene_generator import draw_scene
from sam2_model.training.synthetic.stacks import (
    Encoding,
    LabelledStack,
    MovieSpec,
    VolumeSpec,
    generate_movie,
    generate_volume,
)

__all__ = [
    "Encoding",
    "LabelledStack",
    "MovieSpec",
    "Style",
    "SyntheticClips",
    "VolumeSpec",
    "generate_movie",
    "generate_volume",
]


@dataclass(frozen=True, slots=True)
class SyntheticClips:
    """Training clips of every style; movies, and volumes whose slices are the frames.

    Parameters
    ----------
    styles : sequence of Style
        To draw from.
    volumes : float
        Share of clips in which objects swell, shrink and end, as in a volume's slices.
    """

    styles: Sequence[Style] = tuple(Style)
    volumes: float = 0.25

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Make a clip; see :class:`sam2_model.training.data.samples.ClipSource`."""
        while True:
            style = self.styles[int(rng.integers(len(self.styles)))]
            story = draw_lifecycle(rng, frames, self.volumes)
            light = blend_of(style) is Blend.LIGHT
            haze = draw_defocus(rng) if story.volume and light else None
            length = frames + (2 * haze.margin if haze else 0)
            values, labels = draw_scene(style, rng, length, story, (SIDE, SIDE)).render()
            if haze:
                values = haze.seen_through(values)
                labels = labels[haze.margin : -haze.margin]
            images = (coloured(values, style, rng).clip(0, 1) * 255).astype(np.uint8)
            sample = sample_of(augment.clip(images, rng), labels, rng, objects)
            if sample is not None:
                return sample
