"""Real, labelled stills as clips: cut out, moved and deformed, on their own background."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path as FilePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy import ndimage

from sam2_model.training import augment
from sam2_model.training.samples import SIDE, ClipSample, sample_of
from sam2_model.training.scenes import Blend, Path, Scene, Sprite, hidden, moving, wander

_VALIDATION_SHARE = 0.15
_HALO = 2
_GLOW = 6


class Part(Enum):
    """Which side of a split."""

    TRAINING = "training"
    VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Still:
    """A labelled image on disk.

    Parameters
    ----------
    image, mask : pathlib.Path
        8-bit grey or RGB picture, and 16-bit instance labels.
    group : str
        Kind of picture, e.g. ``"fluo_256x256"``.
    """

    image: FilePath
    mask: FilePath
    group: str


def read_still(still: Still) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Read an image (H, W) or (H, W, 3) and its labels (H, W)."""
    picture = Picture.open(still.image)
    image = np.asarray(picture.convert("L" if picture.mode in ("L", "I;16") else "RGB"))
    return image, np.asarray(Picture.open(still.mask)).astype(np.uint16)


def dsb_stills(folder: FilePath, part: Part, prefix: str = "") -> list[Still]:
    """List the images of a part of dsb2018; parts share no mosaic component.

    Parameters
    ----------
    folder : pathlib.Path
        The data set, with its manifest.json.
    part : Part
        Training or validation (about 15 % of the components).
    prefix : str
        Only groups that start so, e.g. ``"fluo"``.
    """
    entries = json.loads((folder / "manifest.json").read_text())
    held_out = validation_components([(e["component"], e["group"]) for e in entries])
    return [
        Still(folder / "images" / f"{e['id']}.png", folder / "masks" / f"{e['id']}.png", e["group"])
        for e in entries
        if e["group"].startswith(prefix)
        and (e["component"] in held_out) is (part is Part.VALIDATION)
    ]


def validation_components(images: Sequence[tuple[int, str]]) -> frozenset[int]:
    """Choose whole components to hold out, about 15 % of each group's images.

    Parameters
    ----------
    images : sequence of (int, str)
        Every image's component and group.
    """
    sizes = Counter(group for _, group in images)
    inside: dict[int, Counter[str]] = {}
    for component, group in images:
        inside.setdefault(component, Counter())[group] += 1
    taken: Counter[str] = Counter()
    held_out = set()
    for component in sorted(inside, key=lambda c: zlib.crc32(f"component {c}".encode())):
        groups = inside[component]
        if all(taken[g] + n <= max(1, _VALIDATION_SHARE * sizes[g]) for g, n in groups.items()):
            taken += groups
            held_out.add(component)
    return frozenset(held_out)


def t98g_stills(folder: FilePath, part: Part) -> list[Still]:
    """List the phase contrast stills; every sixth is for validation."""
    images = sorted((folder / "images").glob("*.png"))
    wanted = [i for i in range(len(images)) if (i % 6 == 5) is (part is Part.VALIDATION)]
    return [Still(images[i], folder / "masks" / images[i].name, "t98g") for i in wanted]


class StillClips:
    """Clips made of stills.

    Parameters
    ----------
    stills : sequence of Still
        To draw from.
    zoom : tuple of float
        Range of magnifications; 1 is the native scale.
    """

    def __init__(self, stills: Sequence[Still], zoom: tuple[float, float] = (0.6, 2.2)) -> None:
        if not stills:
            raise ValueError("There are no stills to make clips of")
        self.stills = list(stills)
        self.zoom = zoom
        self._read = lru_cache(maxsize=None)(read_still)

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Make a clip; see :class:`sam2_model.training.samples.ClipSource`."""
        for _ in range(50):
            still = self.stills[rng.integers(len(self.stills))]
            image, labels = self._window(still, rng)
            if frames > 1:
                images, tracked = _moved(image, labels, rng, frames)
            else:
                images, tracked = image[None], labels[None]
            sample = sample_of(augment.clip(images, rng), tracked, rng, objects)
            if sample is not None:
                return sample
        raise ValueError("No object of these stills is large enough to be prompted")

    def _window(
        self, still: Still, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Cut a 256 px window that holds an object, at a random magnification."""
        image, labels = self._read(still)
        zoom = float(np.exp(rng.uniform(*np.log(self.zoom))))
        if rng.random() < 0.35:
            zoom = 1.0
        side = round(SIDE / zoom)
        pad = [(0, max(0, side - n)) for n in labels.shape]
        labels = np.pad(labels, pad, mode="reflect")
        image = np.pad(image, [*pad, *[(0, 0)] * (image.ndim - 2)], mode="reflect")
        values = np.unique(labels)[1:]
        centre = np.asarray(labels.shape) / 2
        if len(values):
            centre = np.argwhere(labels == rng.choice(values)).mean(0)
        corner = centre - side / 2 + rng.uniform(-0.35, 0.35, 2) * side
        y, x = np.clip(corner, 0, np.asarray(labels.shape) - side).astype(int)
        image, labels = image[y : y + side, x : x + side], labels[y : y + side, x : x + side]
        return resized(image, labels)


def resized(
    image: NDArray[np.uint8], labels: NDArray[np.uint16]
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Resize a window to 256 x 256, with labels numbered from 1."""
    if labels.shape != (SIDE, SIDE):
        picture = Picture.fromarray(image).resize((SIDE, SIDE), Picture.Resampling.BICUBIC)
        image = np.asarray(picture)
        nearest = Picture.fromarray(labels.astype(np.int32)).resize((SIDE, SIDE), 0)
        labels = np.asarray(nearest)
    _, numbered = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
    return image, numbered[:-1].reshape(SIDE, SIDE).astype(np.uint16)


def _moved(
    image: NDArray[np.uint8], labels: NDArray[np.uint16], rng: np.random.Generator, frames: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Let every object of a still move by itself over the background that it leaves."""
    planes = image[..., None] if image.ndim == 2 else image
    values = planes.astype(np.float32) / 255
    where = ndimage.find_objects(labels)
    light = image.ndim == 2 and float(np.median(values)) < 0.35
    starts = [_centre(box) for box in where if box is not None]
    speed = float(rng.choice((0.5, 2.0, 5.0, 9.0)))
    common = wander(rng, frames, speed / 2)
    paths = [moving(rng, start, frames, speed) for start in starts]
    paths = [Path(p.centre + common, p.angle, p.scale, p.squeeze) for p in paths]
    if rng.random() < 0.4:
        paths = [hidden(p, rng) if rng.random() < 0.3 else p for p in paths]
    drawn = []
    for channel in range(planes.shape[-1]):
        plane = values[..., channel]
        sprites = [_cut(plane, labels, n, box) for n, box in enumerate(where, 1) if box is not None]
        blend = Blend.LIGHT if light else Blend.OVER
        scene = Scene(emptied(plane, labels), sprites, paths, common, blend)
        picture, tracked = scene.render()
        drawn.append(picture)
    out = (np.stack(drawn, axis=-1).clip(0, 1) * 255).astype(np.uint8)
    return (out[..., 0] if image.ndim == 2 else out), tracked


def _padded(box: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[slice, slice]:
    rows, columns = (
        slice(max(0, s.start - _HALO - 1), min(n, s.stop + _HALO + 1))
        for s, n in zip(box, shape, strict=True)
    )
    return rows, columns


def _centre(box: tuple[slice, slice]) -> NDArray[np.float64]:
    padded = _padded(box, (SIDE, SIDE))
    return np.asarray([(s.start + s.stop) / 2 for s in padded])


def _cut(
    plane: NDArray[np.float32], labels: NDArray[np.uint16], number: int, box: tuple[slice, slice]
) -> Sprite:
    part = _padded(box, labels.shape)
    inside = (labels[part] == number).astype(np.float32)
    alpha = ndimage.uniform_filter(inside, 3)
    return Sprite(plane[part].copy(), np.where(inside > 0, np.maximum(alpha, 0.55), alpha * 0.9))


def emptied(plane: NDArray[np.float32], labels: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Fill the objects' places with the background nearest to them."""
    covered = ndimage.binary_dilation(labels > 0, iterations=_GLOW)
    if covered.all():
        return np.full_like(plane, float(np.percentile(plane, 10)))
    nearest = ndimage.distance_transform_edt(covered, return_distances=False, return_indices=True)
    filled = plane[tuple(nearest)]
    smooth = ndimage.uniform_filter(filled, 9)
    return np.where(covered, smooth, plane).astype(np.float32)
