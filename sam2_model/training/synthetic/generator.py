"""The synthetic generator: movies and volumes with ground truth, and training clips.

It also makes the sample data and the demo's input, and needs numpy and scipy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sam2_model.training.data import augmentation as augment
from sam2_model.training.data.samples import SIDE, ClipSample, make_sample
from sam2_model.training.synthetic.appearance import Style, blend_mode, colored
from sam2_model.training.synthetic.defocus import draw_defocus
from sam2_model.training.synthetic.lifecycle import draw_lifecycle
from sam2_model.training.synthetic.rendering import Blend
from sam2_model.training.synthetic.scene_generator import draw_scene
from sam2_model.training.synthetic.stacks import (
    Encoding,
    LabeledStack,
    MovieSpec,
    VolumeSpec,
    generate_movie,
    generate_volume,
)

__all__ = [
    "Encoding",
    "LabeledStack",
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
        Styles of clips.
    volumes : float
        Fraction of clips whose frames are slices of a volume.
    """

    styles: Sequence[Style] = tuple(Style)
    volumes: float = 0.25

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Return a clip; see :class:`sam2_model.training.data.samples.ClipSource`."""
        while True:
            style = self.styles[int(rng.integers(len(self.styles)))]
            lifecycle = draw_lifecycle(rng, frames, self.volumes)
            light = blend_mode(style) is Blend.LIGHT
            defocus = draw_defocus(rng) if lifecycle.volume and light else None
            length = frames + (2 * defocus.margin if defocus else 0)
            values, labels = draw_scene(style, rng, length, lifecycle, (SIDE, SIDE)).render()
            if defocus:
                values = defocus.apply(values)
                labels = labels[defocus.margin : -defocus.margin]
            images = (colored(values, style, rng).clip(0, 1) * 255).astype(np.uint8)
            sample = make_sample(augment.clip(images, rng), labels, rng, objects)
            if sample is not None:
                return sample
