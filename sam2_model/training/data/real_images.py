"""Real, labelled stills as clips: seen through moving warps, or cut out and set in motion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy import ndimage

from sam2_model.training.data import augmentation as augment
from sam2_model.training.data.cutouts import cut, emptied, widened
from sam2_model.training.data.deformation import draw_deformation, seen_through
from sam2_model.training.data.image_dataset import (
    AnnotatedImage,
    read_image,
)
from sam2_model.training.data.samples import SIDE, ClipSample, sample_of
from sam2_model.training.synthetic.defocus import draw_defocus
from sam2_model.training.synthetic.lifecycle import Lifecycle, draw_lifecycle
from sam2_model.training.synthetic.motion import Motion, still
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
    """Clips made of stills.

    Parameters
    ----------
    stills : sequence of AnnotatedImage
        To draw from; each is read once.
    zoom : tuple of float
        Range of magnifications; 1 is the native scale, which more than a third have.
    volumes : float
        Share of the clips whose objects begin, swell and end as in a volume's slices.
    """

    def __init__(
        self,
        stills: Sequence[AnnotatedImage],
        zoom: tuple[float, float] = (0.6, 2.2),
        volumes: float = 0.3,
    ) -> None:
        if not stills:
            raise ValueError("There are no stills to make clips of")
        self.stills = list(stills)
        self.zoom = zoom
        self.volumes = volumes
        self._read = lru_cache(maxsize=None)(_read)

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Make a clip; see :class:`sam2_model.training.data.samples.ClipSource`."""
        story = draw_lifecycle(rng, frames, self.volumes) if frames > 1 else Lifecycle()
        for _ in range(_TRIES):
            values, labels = self.clip(rng, frames, story)
            images = values.clip(0, 255).astype(np.uint8)
            images = images[..., 0] if images.shape[-1] == 1 else images
            sample = sample_of(augment.clip(images, rng), labels, rng, objects)
            if sample is not None:
                return sample
        raise ValueError("No object of these stills is large enough to be prompted")

    def clip(self, rng: np.random.Generator, frames: int, story: Lifecycle) -> Clip:
        """Make a clip before its look is varied: values in 0..255, and all objects' labels."""
        image, labels = self._read(self.stills[rng.integers(len(self.stills))])
        zoom = self._zoom(labels, rng)
        if frames == 1:
            if rng.random() < _WARPED_IMAGES:
                return _warped(image, labels, zoom, rng, 1, story)
            window, numbers = _window(image, labels, zoom, rng)
            return Clip(window[None].astype(np.float32), numbers[None])
        light = image.shape[-1] == 1 and float(np.median(image[::4, ::4])) < _LIGHT * 255
        if not story.volume and rng.random() < (_WARPED_LIGHT if light else _WARPED_SOLID):
            return _warped(image, labels, zoom, rng, frames, story)
        window, numbers = _window(image, labels, zoom, rng)
        blend = Blend.LIGHT if light else Blend.OVER
        return _moved(window, numbers, rng, frames, story, blend, zoom)

    def _zoom(self, labels: Labels, rng: np.random.Generator) -> float:
        """Draw a magnification at which the window lies within the picture."""
        zoom = float(np.exp(rng.uniform(*np.log(self.zoom))))
        if rng.random() < _NATIVE:
            zoom = 1.0
        return max(zoom, SIDE / min(labels.shape))


def _read(still: AnnotatedImage) -> tuple[NDArray[np.uint8], Labels]:
    """Read a picture (H, W, C) of 256 pixels or more a side, and its labels."""
    image, labels = read_image(still)
    image = image if image.ndim == 3 else image[..., None]
    pad = [(0, max(0, SIDE - n)) for n in labels.shape]
    return np.pad(image, [*pad, (0, 0)], mode="edge"), np.pad(labels, pad)


def _some_place(labels: Labels, rng: np.random.Generator) -> NDArray[np.float64]:
    """Choose a pixel of an object, if there is any: all objects are equally likely."""
    where = [box for box in ndimage.find_objects(labels) if box is not None]
    if not where:
        return np.array(labels.shape) / 2
    box = where[rng.integers(len(where))]
    return np.array([(s.start + s.stop) / 2 for s in box])


def _window(
    image: NDArray[np.uint8], labels: Labels, zoom: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Labels]:
    """Cut a window that holds an object and make it 256 x 256."""
    side = min(round(SIDE / zoom), *labels.shape)
    centre = _some_place(labels, rng) + rng.uniform(-0.35, 0.35, 2) * side
    corner = np.clip(centre - side / 2, 0, np.array(labels.shape) - side).astype(int)
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
    """Give objects the numbers from 1, without gaps."""
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
    story: Lifecycle,
) -> Clip:
    """Look at a still through a window that moves and bends; some objects are gone for a while."""
    room = np.array(labels.shape) - SIDE / zoom
    centre = np.clip(_some_place(labels, rng) - SIDE / zoom / 2, 0, room) + SIDE / zoom / 2
    warp = draw_deformation(rng, centre, zoom, frames, 6 * story.speed + story.drift)
    outside = np.median(image[::4, ::4][labels[::4, ::4] == 0], axis=0).astype(np.float32)
    absent = np.zeros(frames, bool)
    bare, kept = image, labels
    if story.hidden:
        length = int(rng.integers(1, max(1, round(story.longest_gap * frames)) + 1))
        start = int(rng.integers(0, frames - length + 1))
        absent[start : start + length] = True
        gone = rng.random(int(labels.max()) + 1) < story.hidden
        gone[0] = False
        kept = np.where(gone[labels], 0, labels).astype(np.uint16)
        erased = emptied(image.astype(np.float32), gone[labels], 3)
        bare = np.where((kept > 0)[..., None], image, erased).astype(np.uint8)
    views = [
        seen_through(warp, t, *((bare, kept) if absent[t] else (image, labels)), outside)
        for t in range(frames)
    ]
    numbers = numbered(np.stack([n for _, n in views]))
    return Clip(np.stack([v for v, _ in views]), _rounded(numbers, zoom))


def _rounded(labels: Labels, zoom: float) -> Labels:
    """Round off the steps that magnified labels (T, 256, 256) have."""
    if zoom < _STEPPED:
        return labels
    out = np.zeros_like(labels)
    for plane, target in zip(labels, out, strict=True):
        for number, box in enumerate(ndimage.find_objects(plane), 1):
            if box is not None:
                part = widened(box, plane.shape)
                inside = (plane[part] == number).astype(np.float32)
                smooth = ndimage.gaussian_filter(inside, 0.6 * zoom, truncate=2, mode="nearest")
                target[part][smooth > 0.5] = number
    return out


def _moved(
    image: NDArray[np.uint8],
    labels: Labels,
    rng: np.random.Generator,
    frames: int,
    story: Lifecycle,
    blend: Blend,
    zoom: float,
) -> Clip:
    """Let every object of a window move by itself over the background that it leaves."""
    picture = image.astype(np.float32)
    where = [(n, b) for n, b in enumerate(ndimage.find_objects(labels), 1) if b is not None]
    haze = draw_defocus(rng) if story.volume and blend is Blend.LIGHT else None
    frames += 2 * haze.margin if haze else 0
    motions = [_own_motion(box, rng, frames, story) for _, box in where]
    if not (story.volume or story.crossing):
        radii = np.sqrt(np.bincount(labels.ravel())[[n for n, _ in where]] / np.pi)
        motions = separate_objects(motions, radii, np.array([not _inside(box) for _, box in where]))
    sprites = [cut(picture, labels, n, box) for n, box in where]
    background = emptied(picture, labels, round(_GLOW * zoom**0.8))
    scene = Scene(background, sprites, motions, np.zeros((frames, 2)), blend)
    values, tracked = scene.render()
    if haze:
        return Clip(haze.seen_through(values), tracked[haze.margin : -haze.margin])
    return Clip(values, tracked)


def _own_motion(
    box: tuple[slice, ...], rng: np.random.Generator, frames: int, story: Lifecycle
) -> Motion:
    # A pixel's centre has whole coordinates, so a box's centre lies half a pixel before.
    start = np.array([(s.start + s.stop - 1) / 2 for s in widened(box, (SIDE, SIDE))])
    radius = float(np.mean([s.stop - s.start for s in box])) / 2
    motion = story.motion(rng, start, frames, radius)
    if _inside(box):
        return motion
    # The rest of an object at the edge is unknown: it may go, but not come nearer.
    return still(start, frames).only(motion.scale > 0)


def _inside(box: tuple[slice, ...]) -> bool:
    """Whether an object does not touch the window's border."""
    return all(s.start > 0 and s.stop < SIDE for s in box)
