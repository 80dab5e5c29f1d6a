"""Clips made of single labeled images, by moving deformations or by moving their objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy import ndimage

from sam2_model.training.data import augmentation as augment
from sam2_model.training.data.cutouts import cut_sprite, erase_objects, widen_box
from sam2_model.training.data.deformation import draw_deformation, warp_image
from sam2_model.training.data.image_dataset import (
    AnnotatedImage,
    read_image,
)
from sam2_model.training.data.samples import SIDE, ClipSample, make_sample
from sam2_model.training.synthetic.defocus import draw_defocus
from sam2_model.training.synthetic.lifecycle import Lifecycle, draw_lifecycle
from sam2_model.training.synthetic.motion import Motion, static_motion
from sam2_model.training.synthetic.placement import separate_objects
from sam2_model.training.synthetic.rendering import Blend, Clip, Labels, Scene

_NATIVE = 0.45
_TRIES = 50
_LIGHT = 0.35
_GLOW = 6
_STEPPED = 1.6
_WARPED_IMAGES = 0.5
_WARPED_LIGHT, _WARPED_SOLID = 0.25, 0.55


class ImageClips:
    """Clips made of single labeled images.

    Parameters
    ----------
    stills : sequence of AnnotatedImage
        Images, each of which is read once.
    zoom : tuple of float
        Range of magnifications; 1 is the native scale, which 45 % of the clips have.
    volumes : float
        Fraction of clips whose frames are like the slices of a volume.
    """

    def __init__(
        self,
        stills: Sequence[AnnotatedImage],
        zoom: tuple[float, float] = (0.6, 2.2),
        volumes: float = 0.3,
    ) -> None:
        if not stills:
            raise ValueError("There are no images to make clips of")
        self.stills = list(stills)
        self.zoom = zoom
        self.volumes = volumes
        self._read = lru_cache(maxsize=None)(_read)

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Return a clip; see :class:`sam2_model.training.data.samples.ClipSource`."""
        lifecycle = draw_lifecycle(rng, frames, self.volumes) if frames > 1 else Lifecycle()
        for _ in range(_TRIES):
            values, labels = self.clip(rng, frames, lifecycle)
            images = values.clip(0, 255).astype(np.uint8)
            images = images[..., 0] if images.shape[-1] == 1 else images
            sample = make_sample(augment.clip(images, rng), labels, rng, objects)
            if sample is not None:
                return sample
        raise ValueError(
            "No object of these images is large enough for a prompt: objects need 24 pixels"
        )

    def clip(self, rng: np.random.Generator, frames: int, lifecycle: Lifecycle) -> Clip:
        """Return a clip before augmentation: values in 0..255, and the labels of all objects."""
        image, labels = self._read(self.stills[rng.integers(len(self.stills))])
        zoom = self._zoom(labels, rng)
        if frames == 1:
            if rng.random() < _WARPED_IMAGES:
                return _warped(image, labels, zoom, rng, 1, lifecycle)
            window, numbers = _window(image, labels, zoom, rng)
            return Clip(window[None].astype(np.float32), numbers[None])
        light = image.shape[-1] == 1 and float(np.median(image[::4, ::4])) < _LIGHT * 255
        if not lifecycle.volume and rng.random() < (_WARPED_LIGHT if light else _WARPED_SOLID):
            return _warped(image, labels, zoom, rng, frames, lifecycle)
        window, numbers = _window(image, labels, zoom, rng)
        blend = Blend.LIGHT if light else Blend.OVER
        return _moved(window, numbers, rng, frames, lifecycle, blend, zoom)

    def _zoom(self, labels: Labels, rng: np.random.Generator) -> float:
        """Return a random magnification at which the window is within the image."""
        zoom = float(np.exp(rng.uniform(*np.log(self.zoom))))
        if rng.random() < _NATIVE:
            zoom = 1.0
        return max(zoom, SIDE / min(labels.shape))


def _read(still: AnnotatedImage) -> tuple[NDArray[np.uint8], Labels]:
    """Return an image (H, W, C), padded to at least 256 x 256 pixels, and its labels."""
    image, labels = read_image(still)
    image = image if image.ndim == 3 else image[..., None]
    pad = [(0, max(0, SIDE - n)) for n in labels.shape]
    return np.pad(image, [*pad, (0, 0)], mode="edge"), np.pad(labels, pad)


def _random_object_center(labels: Labels, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the center (y, x) of a random object, or of the image without objects."""
    where = [box for box in ndimage.find_objects(labels) if box is not None]
    if not where:
        return np.array(labels.shape) / 2
    box = where[rng.integers(len(where))]
    return np.array([(s.start + s.stop) / 2 for s in box])


def _window(
    image: NDArray[np.uint8], labels: Labels, zoom: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Labels]:
    """Return a window around an object, resized to 256 x 256."""
    side = min(round(SIDE / zoom), *labels.shape)
    center = _random_object_center(labels, rng) + rng.uniform(-0.35, 0.35, 2) * side
    corner = np.clip(center - side / 2, 0, np.array(labels.shape) - side).astype(int)
    part = tuple(slice(c, c + side) for c in corner)
    return _resized(image[part], labels[part])


def _resized(image: NDArray[np.uint8], labels: Labels) -> tuple[NDArray[np.uint8], Labels]:
    side = len(labels)
    if side != SIDE:
        planes = [
            Picture.fromarray(np.ascontiguousarray(plane)).resize((SIDE, SIDE), 3)
            for plane in np.moveaxis(image, -1, 0)
        ]
        image = np.stack([np.asarray(p) for p in planes], axis=-1)
        nearest = Picture.fromarray(labels.astype(np.int32)).resize((SIDE, SIDE), 0)
        labels = np.asarray(nearest).astype(np.uint16)
    return image, _rounded(numbered(labels)[None], SIDE / side)[0]


def numbered(labels: Labels) -> Labels:
    """Return labels that are numbered from 1 without gaps."""
    present = np.bincount(labels.ravel()) > 0
    present[0] = False
    table = np.cumsum(present) * present
    renumbered: Labels = table.astype(np.uint16)[labels]
    return renumbered


def _warped(
    image: NDArray[np.uint8],
    labels: Labels,
    zoom: float,
    rng: np.random.Generator,
    frames: int,
    lifecycle: Lifecycle,
) -> Clip:
    """Return views of an image through a moving deformation; some objects disappear for a while."""
    room = np.array(labels.shape) - SIDE / zoom
    center = (
        np.clip(_random_object_center(labels, rng) - SIDE / zoom / 2, 0, room) + SIDE / zoom / 2
    )
    warp = draw_deformation(rng, center, zoom, frames, 6 * lifecycle.speed + lifecycle.drift)
    outside = np.median(image[::4, ::4][labels[::4, ::4] == 0], axis=0).astype(np.float32)
    absent = np.zeros(frames, bool)
    bare, kept = image, labels
    if lifecycle.hidden:
        length = int(rng.integers(1, max(1, round(lifecycle.longest_gap * frames)) + 1))
        start = int(rng.integers(0, frames - length + 1))
        absent[start : start + length] = True
        gone = rng.random(int(labels.max()) + 1) < lifecycle.hidden
        gone[0] = False
        kept = np.where(gone[labels], 0, labels).astype(np.uint16)
        erased = erase_objects(image.astype(np.float32), gone[labels], 3)
        bare = np.where((kept > 0)[..., None], image, erased).astype(np.uint8)
    views = [
        warp_image(warp, t, *((bare, kept) if absent[t] else (image, labels)), outside)
        for t in range(frames)
    ]
    numbers = numbered(np.stack([n for _, n in views]))
    return Clip(np.stack([v for v, _ in views]), _rounded(numbers, zoom))


def _rounded(labels: Labels, zoom: float) -> Labels:
    """Return labels (T, 256, 256) without the stair steps of magnification."""
    if zoom < _STEPPED:
        return labels
    out = np.zeros_like(labels)
    for plane, target in zip(labels, out, strict=True):
        for number, box in enumerate(ndimage.find_objects(plane), 1):
            if box is not None:
                part = widen_box(box, plane.shape)
                inside = (plane[part] == number).astype(np.float32)
                smooth = ndimage.gaussian_filter(inside, 0.6 * zoom, truncate=2, mode="nearest")
                target[part][smooth > 0.5] = number
    return out


def _moved(
    image: NDArray[np.uint8],
    labels: Labels,
    rng: np.random.Generator,
    frames: int,
    lifecycle: Lifecycle,
    blend: Blend,
    zoom: float,
) -> Clip:
    """Return a clip in which each object of a window moves on its own over the background."""
    picture = image.astype(np.float32)
    where = [(n, b) for n, b in enumerate(ndimage.find_objects(labels), 1) if b is not None]
    defocus = draw_defocus(rng) if lifecycle.volume and blend is Blend.LIGHT else None
    frames += 2 * defocus.margin if defocus else 0
    motions = [_own_motion(box, rng, frames, lifecycle) for _, box in where]
    if not (lifecycle.volume or lifecycle.crossing):
        radii = np.sqrt(np.bincount(labels.ravel())[[n for n, _ in where]] / np.pi)
        motions = separate_objects(motions, radii, np.array([not _inside(box) for _, box in where]))
    sprites = [cut_sprite(picture, labels, n, box) for n, box in where]
    background = erase_objects(picture, labels, round(_GLOW * zoom**0.8))
    scene = Scene(background, sprites, motions, np.zeros((frames, 2)), blend)
    values, tracked = scene.render()
    if defocus:
        return Clip(defocus.apply(values), tracked[defocus.margin : -defocus.margin])
    return Clip(values, tracked)


def _own_motion(
    box: tuple[slice, ...], rng: np.random.Generator, frames: int, lifecycle: Lifecycle
) -> Motion:
    # Integers are pixel centers, so the center of a box is half a pixel before that of its slice.
    start = np.array([(s.start + s.stop - 1) / 2 for s in widen_box(box, (SIDE, SIDE))])
    radius = float(np.mean([s.stop - s.start for s in box])) / 2
    motion = lifecycle.motion(rng, start, frames, radius)
    if _inside(box):
        return motion
    # Only a part of an object at the edge is known: it can disappear, but not move.
    return static_motion(start, frames).only(motion.scale > 0)


def _inside(box: tuple[slice, ...]) -> bool:
    """Return whether an object does not touch the border of the window."""
    return all(s.start > 0 and s.stop < SIDE for s in box)
