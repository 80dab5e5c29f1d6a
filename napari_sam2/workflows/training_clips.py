"""Training clips cut out of labelled stacks."""

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

_SPAN = (1 / 8, 1 / 2)
_OFF_CENTRE = 0.25
_LEAST_PIXELS = 16
_TRIES = 50


@dataclass(frozen=True)
class LabelledStack:
    """A stack and its labels.

    Parameters
    ----------
    stack : Stack
        The images.
    labels : array_like
        (frames, H, W), or the input's shape without channels; 0 is background.
    intensity : Intensity
        What the model sees of raw values.
    """

    stack: Stack
    labels: LabelSource
    intensity: Intensity

    def plane(self, frame: int) -> NDArray[Any]:
        """Read the labels (H, W) of a frame."""
        read = plane_reader(self.labels, self.stack, frame)
        return read(Window.of(self.stack.shape))

    def picture(self, frame: int, window: Window) -> NDArray[np.uint8]:
        """Read a window of a frame as RGB."""
        planes = self.stack.read(self.stack.index(frame), window)
        return self.intensity.to_rgb(planes)


@dataclass(frozen=True)
class StackClips:
    """Clips around labelled objects, at scales like those of zoomed views.

    Parameters
    ----------
    stacks : sequence of (LabelledStack, tuple of int)
        Each with the frames that may be used, in order.
    side : int
        Side of the clips in pixels, the model's input size.
    """

    stacks: Sequence[tuple[LabelledStack, tuple[int, ...]]]
    side: int

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Cut a clip; shorter runs of frames are repeated back and forth.

        Raises
        ------
        UserError
            If no object of 16 pixels or more is found.
        """
        share = np.array([len(usable) for _, usable in self.stacks], float)
        for _ in range(_TRIES):
            source, usable = self.stacks[rng.choice(len(self.stacks), p=share / share.sum())]
            clip = _cut(source, _run(usable, frames, rng), self.side, objects, rng)
            if clip is not None:
                return clip
        raise UserError("The labels hold no object of 16 pixels or more to learn from.")


def _run(usable: tuple[int, ...], frames: int, rng: np.random.Generator) -> list[int]:
    there_and_back = [*usable, *usable[-2:0:-1]]
    start = int(rng.integers(max(1, len(usable) - frames + 1)))
    return [there_and_back[(start + i) % len(there_and_back)] for i in range(frames)]


def _cut(
    source: LabelledStack,
    frames: Sequence[int],
    side: int,
    objects: int,
    rng: np.random.Generator,
) -> ClipSample | None:
    from sam2_model.training.data.samples import ClipSample

    planes = [source.plane(frame) for frame in frames]
    values, counts = np.unique(planes[0], return_counts=True)
    fit = values[(values > 0) & (counts >= _LEAST_PIXELS)]
    if len(fit) == 0:
        return None
    window = _window(planes[0] == rng.choice(fit), rng)
    labels = np.stack([_resized(_crop(plane, window), side) for plane in planes])
    images = np.stack([_picture(source, frame, window, side) for frame in frames])
    seen, areas = np.unique(labels[0], return_counts=True)
    seen = seen[(seen > 0) & (areas >= _LEAST_PIXELS)]
    if len(seen) == 0:
        return None
    chosen = rng.permutation(seen)[:objects]
    masks = np.stack([labels == value for value in chosen], axis=1)
    return ClipSample(images, masks, np.asarray(masks.any(axis=(2, 3))))


def _window(mask: NDArray[np.bool_], rng: np.random.Generator) -> Window:
    """Choose a square in which an object spans an eighth to a half of the side."""
    rows, columns = np.nonzero(mask)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    side = max(16, round(extent / float(np.exp(rng.uniform(*np.log(_SPAN))))))
    slack = _OFF_CENTRE * (side - extent)
    centre = np.array([rows.mean(), columns.mean()]) + rng.uniform(-slack, slack, 2)
    y, x = (int(c) for c in centre - side / 2)
    return Window(y, x, y + side, x + side)


def _crop(plane: NDArray[Any], window: Window) -> NDArray[Any]:
    """Cut a window out of a plane (H, W, ...); what lies outside is 0."""
    inside = window.clip((plane.shape[0], plane.shape[1]))
    made = np.zeros((*window.shape, *plane.shape[2:]), plane.dtype)
    made[inside.shift(-window.y0, -window.x0).slices] = plane[inside.slices]
    return made


def _picture(source: LabelledStack, frame: int, window: Window, side: int) -> NDArray[np.uint8]:
    inside = window.clip(source.stack.shape)
    made = np.zeros((*window.shape, 3), np.uint8)
    made[inside.shift(-window.y0, -window.x0).slices] = source.picture(frame, inside)
    resized = Image.fromarray(made).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _resized(labels: NDArray[Any], side: int) -> NDArray[np.int64]:
    place = ((np.arange(side) + 0.5) * labels.shape[0] / side).astype(int)
    return labels[np.ix_(place, place)].astype(np.int64)
