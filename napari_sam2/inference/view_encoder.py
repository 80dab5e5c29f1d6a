"""Look at a window of a plane with the model, and bring masks back to the plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.plane_readers import PlaneReader, PlaneRequest
from napari_sam2.images.pyramid import read_downsampled
from napari_sam2.images.view import View
from napari_sam2.inference.feature_cache import FeatureCache, FeatureKey
from napari_sam2.inference.postprocess import ComponentFilter, ContourSmoothing
from napari_sam2.inference.protocol import ImageEmbedding, Predictor, ViewPrompts
from napari_sam2.masks.mask import MAX_LOGIT
from napari_sam2.prompts.plane_prompts import RIM, MaskCrop, PlanePrompts

_KEPT_PIXELS = 4096**2
"""A view's picture of more pixels, 48 MB and above, is neither kept nor measured."""
_MASK_STRIDE = 4
"""Input pixels per pixel of the masks that SAM 2 predicts."""


class LastImage:
    """The picture that was read last, as it is often wanted again at once."""

    def __init__(self) -> None:
        # One value, so that threads never see a picture with another one's place.
        self._kept: tuple[PlaneIndex, View, NDArray[np.uint8]] | None = None

    def get(self, index: PlaneIndex, view: View) -> NDArray[np.uint8] | None:
        """Return the picture (H, W, 3) if it shows this view."""
        kept = self._kept
        return kept[2] if kept is not None and kept[:2] == (index, view) else None

    def keep(self, index: PlaneIndex, view: View, image: NDArray[np.uint8]) -> None:
        """Keep a picture (H, W, 3) instead of the one before."""
        self._kept = index, view, image


class ToRGB(Protocol):
    """What is needed of an intensity."""

    def to_rgb(self, planes: NDArray[Any]) -> NDArray[np.uint8]:
        """Turn (C, H, W) raw values into (H, W, 3)."""


@dataclass(frozen=True)
class ViewEncoder:
    """The model's eyes: reads windows, encodes them once, maps prompts in and masks out.

    Parameters
    ----------
    stack : PlaneReader
        Where planes come from.
    intensity : ToRGB
        What the model sees of them.
    predictor : Predictor
        The model.
    cache : FeatureCache
        Features that are kept.
    components : ComponentFilter
        Which pieces of a mask belong to its object.
    contours : ContourSmoothing
        How smooth tracked masks are.
    last : LastImage
        The last picture, unless it is huge.
    """

    stack: PlaneReader
    intensity: ToRGB
    predictor: Predictor
    cache: FeatureCache
    components: ComponentFilter = field(default_factory=ComponentFilter)
    contours: ContourSmoothing = field(default_factory=ContourSmoothing)
    last: LastImage = field(default_factory=LastImage, compare=False)

    def encode(self, index: PlaneIndex, view: View) -> ImageEmbedding:
        """Return the features of a view, from the cache where they are kept."""
        key = FeatureKey(index, view, self.predictor.info.weights_hash)
        return self.cache.get(key, lambda: self.predictor.encode(self.image(index, view)))

    def image(self, index: PlaneIndex, view: View) -> NDArray[np.uint8]:
        """Return what the model sees: (H, W, 3) of ``view.image_shape``.

        Pixels beyond the plane repeat its edge.
        """
        kept = self.last.get(index, view)
        if kept is not None:
            return kept
        image = self._read(index, view)
        if self.small(view):
            self.last.keep(index, view, image)
        return image

    def small(self, view: View) -> bool:
        """Whether a view's picture is small enough to be kept and measured."""
        height, width = view.image_shape
        return height * width <= _KEPT_PIXELS

    def _read(self, index: PlaneIndex, view: View) -> NDArray[np.uint8]:
        inside = view.window.clip(self.stack.shape)
        image = self._pixels(index, inside, view.factor)
        height, width = view.image_shape
        top = (inside.y0 - view.window.y0) // view.factor
        left = (inside.x0 - view.window.x0) // view.factor
        bottom, right = height - top - image.shape[0], width - left - image.shape[1]
        if (top, left, bottom, right) == (0, 0, 0, 0):
            return image
        pads = ((top, max(bottom, 0)), (left, max(right, 0)), (0, 0))
        return np.pad(image, pads, mode="edge")[:height, :width]

    def request(self, index: PlaneIndex, view: View) -> PlaneRequest:
        """Return the read that :meth:`image` will make, so that it can be made ahead."""
        inside = view.window.clip(self.stack.shape)
        levels = self.stack.levels
        return PlaneRequest(
            index, inside, levels.index(view.factor) if view.factor in levels else 0
        )

    def _pixels(self, index: PlaneIndex, inside: Window, factor: int) -> NDArray[np.uint8]:
        levels = self.stack.levels
        if factor in levels:
            return self.intensity.to_rgb(self.stack.read(index, inside, levels.index(factor)))
        return read_downsampled(
            lambda strip: self.intensity.to_rgb(self.stack.read(index, strip)), inside, factor
        )

    def prompts_to_view(self, view: View, question: PlanePrompts) -> ViewPrompts:
        """Return a question in the view's own pixels; points beyond the view are left out."""
        points = view.points_in(question.points)
        inside = np.all((points >= -0.5) & (points <= np.array(view.image_shape) - 0.5), axis=1)
        mask = None if question.mask is None else self.mask_to_view(view, question.mask) > 0
        corrects = question.previous is not None and question.mask is None
        corrects = corrects and not question.drifted
        return ViewPrompts(
            points=points[inside],
            labels=question.labels[inside],
            box=None if question.box is None else view.box_in(question.box),
            mask=mask,
            previous=self.mask_to_view(view, question.previous) if corrects else None,  # type: ignore[arg-type]
        )

    def mask_to_view(self, view: View, patch: MaskCrop) -> NDArray[np.float32]:
        """Return a patch of the plane as logits of the view's image size."""
        common = view.window.intersect(patch.window)
        canvas = np.full(view.window.shape, -MAX_LOGIT, dtype=np.float32)
        if not common.empty:
            inner = common.relative_to(view.window).slices
            canvas[inner] = patch.logits[common.relative_to(patch.window).slices]
        return canvas if view.factor == 1 else _shrink(canvas, view.factor)

    def smoothed(self, view: View, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits of the view's image with the outline that a tracked object has."""
        grain = max(view.image_shape) / (self.predictor.info.image_size // _MASK_STRIDE)
        return self.contours.smoothed(logits, grain)

    def mask_to_plane(self, view: View, logits: NDArray[np.float32]) -> MaskCrop:
        """Return logits of the view's image as a patch at the plane's full resolution.

        The patch holds every positive pixel on the plane and a thin rim around them.
        """
        box = MaskCrop(Window.of((logits.shape[0], logits.shape[1])), logits).box
        if box is None:
            return MaskCrop.empty()
        kept = box.grow(RIM).clip((logits.shape[0], logits.shape[1]))
        crop, factor = logits[kept.slices], view.factor
        if factor > 1:
            crop = ndimage.zoom(crop, factor, order=1, mode="nearest", grid_mode=True)
        y, x = view.window.offset
        window = Window(*(bound * factor for bound in (kept.y0, kept.x0, kept.y1, kept.x1)))
        window = window.shift(y, x)
        inside = window.clip(self.stack.shape)
        cut = crop[inside.relative_to(window).slices]
        return MaskCrop(inside, np.ascontiguousarray(cut, dtype=np.float32))


def _shrink(canvas: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    height, width = canvas.shape
    pads = ((0, -height % factor), (0, -width % factor))
    padded = np.pad(canvas, pads, mode="edge")
    blocks = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
