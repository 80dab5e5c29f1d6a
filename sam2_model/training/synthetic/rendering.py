"""Rendering of sprites on a background, with ground-truth labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.motion import Motion, Numbers

Image = NDArray[np.float32]
Labels = NDArray[np.uint16]
_SMALLEST = 0.08


class Blend(Enum):
    """How an object is drawn over the background: as a solid, or as light."""

    OVER = "over"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Sprite:
    """An image of one object without its background.

    Parameters
    ----------
    values : NDArray[np.float32]
        (h, w, C) intensities in 0..1.
    alpha : NDArray[np.float32]
        (h, w) opacity in 0..1, of the halo and the light around the object too.
    cover : NDArray[np.float32]
        (h, w) in 0..1; the ground-truth mask is where it exceeds 0.5.
    """

    values: Image
    alpha: Image
    cover: Image


class Clip(NamedTuple):
    """Frames (T, H, W, C) in 0..1 and labels (T, H, W), 0 for the background."""

    values: Image
    labels: Labels


@dataclass(frozen=True, slots=True)
class Scene:
    """Background, objects and motions of a clip.

    Parameters
    ----------
    background : NDArray[np.float32]
        (H, W, C) in 0..1.
    sprites : sequence of Sprite
        Objects; later ones are in front, and the label of each is its index plus 1.
    motions : sequence of Motion
        Motion of each object.
    drift : NDArray[np.float64]
        (T, 2) motion of the background in pixels.
    blend : Blend
        How objects are drawn over the background.
    parents : mapping of int to int
        Label of the mother, by label of the daughter.
    """

    background: Image
    sprites: Sequence[Sprite]
    motions: Sequence[Motion]
    drift: Numbers
    blend: Blend = Blend.OVER
    parents: Mapping[int, int] = field(default_factory=dict)

    def render(self) -> Clip:
        """Return all frames and labels."""
        shape = (len(self.drift), *self.background.shape)
        values, labels = np.empty(shape, np.float32), np.zeros(shape[:3], np.uint16)
        for frame, shift in zip(values, self.drift, strict=True):
            frame[...] = shifted(self.background, shift)
        for number, (sprite, motion) in enumerate(zip(self.sprites, self.motions, strict=True), 1):
            planes = _planes(sprite)
            for t in (int(t) for t in np.flatnonzero(motion.scale > _SMALLEST)):
                self._draw(values[t], labels[t], number, planes, motion, t)
        return Clip(values, labels)

    def _draw(
        self, canvas: Image, labels: Labels, number: int, planes: Image, motion: Motion, t: int
    ) -> None:
        patch, (rows, columns) = transform_sprite(planes, motion, t, labels.shape)
        if patch.size == 0:
            return
        alpha, target = patch[..., -2:-1], canvas[rows, columns]
        solid = target + alpha * np.float32(motion.fade[t]) * (patch[..., :-2] - target)
        if self.blend is Blend.LIGHT:
            np.maximum(target, solid, out=target)
        else:
            target[...] = solid
        labels[rows, columns][patch[..., -1] > 0.5] = number


def shifted(image: Image, shift: Numbers) -> Image:
    """Return an image moved by whole pixels and mirrored at its edges."""
    dy, dx = np.round(shift).astype(int)
    if not (dy or dx):
        return image
    rows, columns = (
        _mirrored(np.arange(n) - d, n) for n, d in zip(image.shape[:2], (dy, dx), strict=True)
    )
    return image[rows[:, None], columns]


def _mirrored(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    folded = index % (2 * n)
    return np.where(folded < n, folded, 2 * n - 1 - folded)


def _planes(sprite: Sprite) -> Image:
    """Return values, alpha and cover as one array (h, w, C + 2) with a transparent rim."""
    values = np.pad(sprite.values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rest = (np.pad(plane, 1)[..., None] for plane in (sprite.alpha, sprite.cover))
    return np.concatenate((values, *rest), axis=2, dtype=np.float32)


def transform_sprite(
    planes: Image, motion: Motion, t: int, shape: tuple[int, ...]
) -> tuple[Image, tuple[slice, slice]]:
    """Return a sprite rotated, scaled, stretched, bent and moved to its position on a frame.

    Parameters
    ----------
    planes : NDArray[np.float32]
        (h, w, C + 2), transparent at its rim.
    motion : Motion
        Motion of the object.
    t : int
        Frame.
    shape : tuple of int
        Height and width of the canvas.

    Returns
    -------
    patch : NDArray[np.float32]
        (h', w', C + 2), the part within the canvas, which may be empty.
    where : tuple of slice
        Rows and columns of the canvas.
    """
    scale, squeeze = motion.scale[t], motion.squeeze[t]
    cos, sin = np.cos(motion.angle[t]), np.sin(motion.angle[t])
    forward = np.array(((cos, -sin), (sin, cos))) * (scale * squeeze, scale / squeeze)
    stretched = 1 + abs(motion.bend[t]) + abs(motion.taper[t])
    half = stretched * np.abs(forward) @ (np.array(planes.shape[:2]) / 2)
    low = np.maximum(np.floor(motion.center[t] - half), 0).astype(int)
    high = np.minimum(np.ceil(motion.center[t] + half) + 1, shape[:2]).astype(int)
    where = slice(low[0], high[0]), slice(low[1], high[1])
    if (high <= low).any():
        return planes[:0], where
    inverse = np.linalg.inv(forward).astype(np.float32)
    rows, columns = (
        np.arange(a, b, dtype=np.float32) - np.float32(c)
        for a, b, c in zip(low, high, motion.center[t], strict=True)
    )
    y = inverse[0, 0] * rows[:, None] + inverse[0, 1] * columns
    x = inverse[1, 0] * rows[:, None] + inverse[1, 1] * columns
    middle = (np.array(planes.shape[:2]) - 1) / 2
    x = _deformed(y, x, float(middle[0]), float(motion.bend[t]), float(motion.taper[t]))
    return sampled(planes, y + np.float32(middle[0]), x + np.float32(middle[1])), where


def _deformed(y: Image, x: Image, half: float, bend: float, taper: float) -> Image:
    """Return columns that are shifted and stretched with the distance from the middle row."""
    if not (bend or taper):
        return x
    along = y * np.float32(1 / half)
    return x * (1 + np.float32(taper) * along) + np.float32(bend * half) * (along**2 - 1 / 3)


def sampled(planes: Image | NDArray[np.uint8], y: Image, x: Image) -> Image:
    """Return linear interpolation of (H, W, C) at coordinates y and x, clamped to the edges.

    Faster than :func:`scipy.ndimage.map_coordinates` for many small images.
    """
    height, width = planes.shape[:2]
    y = np.clip(y, 0, height - 1.001, dtype=np.float32)
    x = np.clip(x, 0, width - 1.001, dtype=np.float32)
    row, column = y.astype(np.int32), x.astype(np.int32)
    down, right = ((p - i.astype(np.float32))[..., None] for p, i in ((y, row), (x, column)))
    flat = planes.reshape(height * width, -1)
    corner = row * width + column

    def at(offset: int) -> Image:
        return flat.take(corner + offset, axis=0).astype(np.float32, copy=False)

    top, bottom = at(0), at(width)
    top += right * (at(1) - top)
    bottom += right * (at(width + 1) - bottom)
    bottom -= top
    bottom *= down
    top += bottom
    return top


def add_glow(values: Image, share: float) -> Image:
    """Return a volume of light (Z, H, W, C), with a fraction of each slice in its neighbors."""
    kernel = np.array((share, 1 - 2 * share, share), np.float32)
    mixed: Image = ndimage.convolve1d(values, kernel, axis=0, mode="nearest")
    return mixed
