"""Synthetic movies and volumes with ground-truth labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.appearance import Style, colored
from sam2_model.training.synthetic.lifecycle import Lifecycle
from sam2_model.training.synthetic.noise import noise
from sam2_model.training.synthetic.rendering import Image, Labels, Scene, add_glow
from sam2_model.training.synthetic.scene_generator import ObjectCount, draw_scene

_GLOW = 0.12
_PHOTONS = 400.0


class Encoding(Enum):
    """Dtype and range of stored intensities.

    ``BYTES``: uint8. ``CAMERA``: uint16, an offset of 100 and up to 4000 counts above it.
    ``HOUNSFIELD``: int16, -1000 (air) to 400.
    """

    BYTES = "bytes"
    CAMERA = "camera"
    HOUNSFIELD = "hounsfield"


@dataclass(frozen=True, slots=True)
class MovieSpec:
    """Properties of a synthetic time-lapse.

    Parameters
    ----------
    style : Style
        Style of the scene.
    frames : int
        Number of frames.
    shape : tuple of int
        Height and width in pixels.
    count, radius : int and float, optional
        Number of objects on the first frame, and their typical radius in pixels; None for random
        ones.
    lifecycle : Lifecycle
        Events of the movie.
    blur : float
        Fraction of the frames that are out of focus.
    bleaching : float
        Fraction of the signal that is lost from frame to frame.
    shading : float
        Unevenness of the light, 0 for none.
    noise : float
        Noise of the camera, 0 for none, 1 for strong noise.
    encoding : Encoding
        Dtype and range of stored intensities.
    scale : tuple of float
        Minutes per frame, micrometres per pixel (y, x).
    """

    style: Style = Style.FLUORESCENCE
    frames: int = 24
    shape: tuple[int, int] = (256, 256)
    count: int | None = None
    radius: float | None = None
    lifecycle: Lifecycle = field(
        default_factory=lambda: Lifecycle(speed=0.12, divided=0.15, hidden=0.1)
    )
    blur: float = 0.0
    bleaching: float = 0.005
    shading: float = 0.1
    noise: float = 0.25
    encoding: Encoding = Encoding.BYTES
    scale: tuple[float, float, float] = (10.0, 0.65, 0.65)


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """Properties of a synthetic volume; other parameters are those of :class:`MovieSpec`.

    Parameters
    ----------
    slices : int
        Number of slices.
    tubes : float
        Fraction of the objects that are tubes; the others are ellipsoids, as deep as wide.
    scale : tuple of float
        Distance of the slices and of the pixels (y, x), in micrometres, or in millimetres for
        organs.
    """

    style: Style = Style.FLUORESCENCE
    slices: int = 32
    shape: tuple[int, int] = (256, 256)
    count: int | None = None
    radius: float | None = None
    tubes: float = 0.0
    shading: float = 0.05
    noise: float = 0.3
    encoding: Encoding = Encoding.BYTES
    scale: tuple[float, float, float] = (2.0, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class LabeledStack:
    """A movie or a volume with ground truth.

    Parameters
    ----------
    images : NDArray
        (T, H, W) or (Z, H, W), or with a last axis of 3 colors for histology and some shapes.
    labels : NDArray[np.uint16]
        (T, H, W) or (Z, H, W); an object has the same label on all frames, 0 is background.
    parents : mapping of int to int
        Label of the mother, by label of the daughter.
    axes : str
        ``"TYX"``, ``"ZYX"``, or these with ``"C"`` last.
    scale : tuple of float
        Step along each of the three axes.
    units : tuple of str
        Units of ``scale``, as names of pint.
    """

    images: NDArray[Any]
    labels: Labels
    parents: Mapping[int, int]
    axes: str
    scale: tuple[float, float, float]
    units: tuple[str, str, str]


def generate_movie(spec: MovieSpec, seed: int) -> LabeledStack:
    """Return a time-lapse; the same spec and seed give the same result.

    Parameters
    ----------
    spec : MovieSpec
        Properties of the result.
    seed : int
        Random seed, not negative.
    """
    rng = np.random.default_rng((seed, spec.frames))
    objects = ObjectCount(spec.count, spec.radius)
    scene = draw_scene(spec.style, rng, spec.frames, spec.lifecycle, spec.shape, objects)
    values, labels = scene.render()
    values = _faded(values, spec.bleaching, spec.shading, rng)
    for t in np.flatnonzero(rng.random(spec.frames) < spec.blur):
        values[t] = ndimage.gaussian_filter(values[t], (2.0, 2.0, 0), truncate=2.5)
    images = _recorded(colored(values, spec.style, rng), spec.noise, spec.encoding, rng)
    parents = scene.parents if isinstance(scene, Scene) else {}
    axes = "TYXC" if images.ndim == 4 else "TYX"
    units = ("minute", "micrometer", "micrometer")
    return LabeledStack(images, labels, parents, axes, spec.scale, units)


def generate_volume(spec: VolumeSpec, seed: int) -> LabeledStack:
    """Return a volume of ellipsoids and tubes; the same spec and seed give the same result.

    Parameters
    ----------
    spec : VolumeSpec
        Properties of the result.
    seed : int
        Random seed, not negative.
    """
    rng = np.random.default_rng((seed, spec.slices, 1))
    objects = ObjectCount(spec.count, spec.radius)
    lifecycle = Lifecycle(volume=True, step=spec.scale[0] / spec.scale[2], tubes=spec.tubes)
    scene = draw_scene(spec.style, rng, spec.slices, lifecycle, spec.shape, objects)
    values, labels = scene.render()
    values = _faded(add_glow(values, _GLOW), 0.0, spec.shading, rng)
    images = _recorded(colored(values, spec.style, rng), spec.noise, spec.encoding, rng)
    axes = "ZYXC" if images.ndim == 4 else "ZYX"
    unit = "millimeter" if spec.style is Style.ORGANS else "micrometer"
    return LabeledStack(images, labels, {}, axes, spec.scale, (unit, unit, unit))


def _faded(values: Image, bleaching: float, shading: float, rng: np.random.Generator) -> Image:
    light = 1 + shading * noise(rng, (values.shape[1], values.shape[2]), 120)
    signal = (1 - bleaching) ** np.arange(len(values), dtype=np.float32)
    return values * light[..., None] * signal[:, None, None, None]


def _recorded(
    values: Image, strength: float, encoding: Encoding, rng: np.random.Generator
) -> NDArray[Any]:
    """Return values with shot and read noise, in the dtype of the encoding."""
    values = values.clip(0, 1)
    if strength:
        spread = strength * (0.02 + np.sqrt(values / _PHOTONS))
        values = values + spread * rng.standard_normal(values.shape, np.float32)
    if encoding is Encoding.CAMERA:
        return (100 + 4000 * values).clip(0, 65535).astype(np.uint16)
    if encoding is Encoding.HOUNSFIELD:
        return (1400 * values - 1000).round().astype(np.int16)
    return (255 * values).clip(0, 255).astype(np.uint8)
