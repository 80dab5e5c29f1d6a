"""Training clips cropped from labeled stacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import Stack
from napari_sam2.masks.label_image import plane_reader

if TYPE_CHECKING:
    from napari_sam2.masks.label_image import LabelSource
    from sam2_model.training.data.samples import ClipSample

_OBJECT_SHARE = (1 / 8, 1 / 2)
"""Extent of an object as a share of the clip's side: minimum and maximum."""
_MAX_SHIFT = 0.25
"""Maximum distance of an object from the center, as a share of the free space."""
_MIN_PIXELS = 16
_MAX_TRIES = 50


@dataclass(frozen=True)
class LabeledStack:
    """A stack and its ground truth labels.

    Parameters
    ----------
    stack : Stack
        The images.
    labels : array_like
        Labels (frames, H, W), or of the shape of the input without channels; 0 is background.
    intensity : Intensity
        Contrast of the images shown to the model.
    """

    stack: Stack
    labels: LabelSource
    intensity: Intensity

    def plane(self, frame: int) -> NDArray[Any]:
        """Return the labels (H, W) of a frame."""
        read = plane_reader(self.labels, self.stack, frame)
        return read(Window.of(self.stack.shape))

    def image(self, frame: int, window: Window) -> NDArray[np.uint8]:
        """Return a window of a frame as RGB (H, W, 3)."""
        planes = self.stack.read(self.stack.index(frame), window)
        return self.intensity.to_rgb(planes)


@dataclass(frozen=True)
class StackClips:
    """Random clips around labeled objects, at the scales of zoomed views.

    Parameters
    ----------
    stacks : sequence of (LabeledStack, tuple of int)
        Stacks, each with the frames to use, in ascending order.
    side : int
        Side of the clips in pixels: the input size of the model.
    """

    stacks: Sequence[tuple[LabeledStack, tuple[int, ...]]]
    side: int

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Return a random clip.

        Parameters
        ----------
        rng : Generator
            Source of randomness.
        frames : int
            Number of frames. If a stack has fewer, they are repeated back and forth.
        objects : int
            Maximum number of objects.

        Raises
        ------
        UserError
            If no object of at least 16 pixels is found.
        """
        share = np.array([len(usable) for _, usable in self.stacks], float)
        for _ in range(_MAX_TRIES):
            source, usable = self.stacks[rng.choice(len(self.stacks), p=share / share.sum())]
            clip = _crop_clip(source, _consecutive(usable, frames, rng), self.side, objects, rng)
            if clip is not None:
                return clip
        raise UserError("The labels have no object of at least 16 pixels. Give other labels.")


def _consecutive(usable: tuple[int, ...], frames: int, rng: np.random.Generator) -> list[int]:
    there_and_back = [*usable, *usable[-2:0:-1]]
    start = int(rng.integers(max(1, len(usable) - frames + 1)))
    return [there_and_back[(start + i) % len(there_and_back)] for i in range(frames)]


def _crop_clip(
    source: LabeledStack,
    frames: Sequence[int],
    side: int,
    objects: int,
    rng: np.random.Generator,
) -> ClipSample | None:
    from sam2_model.training.data.samples import ClipSample

    planes = [source.plane(frame) for frame in frames]
    values, counts = np.unique(planes[0], return_counts=True)
    fit = values[(values > 0) & (counts >= _MIN_PIXELS)]
    if len(fit) == 0:
        return None
    window = _window(planes[0] == rng.choice(fit), rng)
    labels = np.stack([_resize_labels(_crop(plane, window), side) for plane in planes])
    images = np.stack([_image(source, frame, window, side) for frame in frames])
    visible, areas = np.unique(labels[0], return_counts=True)
    visible = visible[(visible > 0) & (areas >= _MIN_PIXELS)]
    if len(visible) == 0:
        return None
    chosen = rng.permutation(visible)[:objects]
    masks = np.stack([labels == value for value in chosen], axis=1)
    return ClipSample(images, masks, np.asarray(masks.any(axis=(2, 3))))


def _window(mask: NDArray[np.bool_], rng: np.random.Generator) -> Window:
    """Return a random square in which the object spans an eighth to a half of the side."""
    rows, columns = np.nonzero(mask)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    side = max(16, round(extent / float(np.exp(rng.uniform(*np.log(_OBJECT_SHARE))))))
    slack = _MAX_SHIFT * (side - extent)
    center = np.array([rows.mean(), columns.mean()]) + rng.uniform(-slack, slack, 2)
    y, x = (int(c) for c in center - side / 2)
    return Window(y, x, y + side, x + side)


def _crop(plane: NDArray[Any], window: Window) -> NDArray[Any]:
    """Return a window of a plane (H, W, ...); pixels outside the plane are 0."""
    inside = window.clip((plane.shape[0], plane.shape[1]))
    crop = np.zeros((*window.shape, *plane.shape[2:]), plane.dtype)
    crop[inside.shift(-window.y0, -window.x0).slices] = plane[inside.slices]
    return crop


def _image(source: LabeledStack, frame: int, window: Window, side: int) -> NDArray[np.uint8]:
    inside = window.clip(source.stack.shape)
    crop = np.zeros((*window.shape, 3), np.uint8)
    crop[inside.shift(-window.y0, -window.x0).slices] = source.image(frame, inside)
    resized = Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _resize_labels(labels: NDArray[Any], side: int) -> NDArray[np.int64]:
    place = ((np.arange(side) + 0.5) * labels.shape[0] / side).astype(int)
    return labels[np.ix_(place, place)].astype(np.int64)
