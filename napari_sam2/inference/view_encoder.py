"""Encodes views of planes, and converts prompts and masks between plane and view pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.plane_readers import PlaneReader, PlaneRequest
from napari_sam2.images.pyramid import read_downsampled
from napari_sam2.images.view import View
from napari_sam2.inference.contours import smooth_contour
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.protocol import ImageEmbedding, Predictor, ViewPrompts
from napari_sam2.masks.mask import MAX_LOGIT, RIM, MaskCrop, positive_bounds
from napari_sam2.prompts.plane_prompts import PlanePrompts

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity

_MASK_STRIDE = 4
"""Input pixels per pixel of the masks that SAM 2 predicts."""


@dataclass(frozen=True)
class ViewEncoder:
    """Encodes views, with a cache, and converts between plane and view coordinates.

    Parameters
    ----------
    reader : PlaneReader
        Reads raw planes.
    intensity : Intensity
        Converts raw values to the RGB image that the model is shown.
    predictor : Predictor
        The model.
    cache : FeatureCache
        The embeddings computed so far.
    smoothing : bool
        Whether contours of tracked masks are smoothed.
    """

    reader: PlaneReader
    intensity: Intensity
    predictor: Predictor
    cache: FeatureCache
    smoothing: bool = False

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Height and width of the planes in pixels."""
        return self.reader.shape

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Factors of the pyramid levels; the first is 1."""
        return self.reader.levels

    def encode(self, index: PlaneIndex, view: View) -> ImageEmbedding:
        """Return the embedding of a view of a plane, from the cache if possible."""
        return self.cache.get(index, view, self.image, self.predictor)

    def image(self, index: PlaneIndex, view: View) -> NDArray[np.uint8]:
        """Return the RGB image (H, W, 3) of ``view.image_shape`` that the model is shown.

        Pixels beyond the plane repeat its edge.
        """
        inside = view.window.clip(self.shape)
        image = self._pixels(index, inside, view.factor)
        height, width = view.image_shape
        top = (inside.y0 - view.window.y0) // view.factor
        left = (inside.x0 - view.window.x0) // view.factor
        bottom, right = height - top - image.shape[0], width - left - image.shape[1]
        if (top, left, bottom, right) == (0, 0, 0, 0):
            return image
        pads = ((top, max(bottom, 0)), (left, max(right, 0)), (0, 0))
        return np.pad(image, pads, mode="edge")[:height, :width]

    def _pixels(self, index: PlaneIndex, inside: Window, factor: int) -> NDArray[np.uint8]:
        levels = self.levels
        if factor in levels:
            return self.intensity.to_rgb(self.reader.read(index, inside, levels.index(factor)))
        return read_downsampled(
            lambda strip: self.intensity.to_rgb(self.reader.read(index, strip)), inside, factor
        )

    def request(self, index: PlaneIndex, view: View) -> PlaneRequest:
        """Return the read that :meth:`image` will make, for a prefetcher."""
        levels = self.levels
        level = levels.index(view.factor) if view.factor in levels else 0
        return PlaneRequest(index, view.window.clip(self.shape), level)

    def prompts_to_view(self, view: View, prompts: PlanePrompts) -> ViewPrompts:
        """Return prompts in pixels of the view's image; points outside the view are dropped."""
        points = view.points_in(prompts.points)
        inside = np.all((points >= -0.5) & (points <= np.array(view.image_shape) - 0.5), axis=1)
        mask, previous = prompts.mask, prompts.previous
        if mask is not None or prompts.moved:
            previous = None
        return ViewPrompts(
            points=points[inside],
            labels=prompts.labels[inside],
            box=None if prompts.box is None else view.box_in(prompts.box),
            mask=None if mask is None else self.mask_to_view(view, mask) > 0,
            previous=None if previous is None else self.mask_to_view(view, previous),
        )

    def mask_to_view(self, view: View, crop: MaskCrop) -> NDArray[np.float32]:
        """Return a mask of the plane as logits (H, W) of the view's image size."""
        window = view.window
        common = window.intersect(crop.window)
        canvas = np.full(window.shape, -MAX_LOGIT, dtype=np.float32)
        if not common.empty:
            canvas[common.relative_to(window).slices] = crop.part(common)
        return canvas if view.factor == 1 else _shrink(canvas, view.factor)

    def smooth(self, view: View, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits (H, W) of the view's image, with a smoothed contour if that is set."""
        if not self.smoothing:
            return logits
        pixel = max(view.image_shape) / (self.predictor.info.image_size // _MASK_STRIDE)
        return smooth_contour(logits, pixel)

    def mask_to_plane(
        self, view: View, logits: NDArray[np.float32], offset: tuple[int, int] = (0, 0)
    ) -> MaskCrop:
        """Return logits (H, W) of the view's image as a crop at the plane's full resolution.

        The crop contains every positive pixel on the plane and a rim of background around them.
        The logits may be of a part of the image that begins at ``offset`` (y, x).
        """
        bounds = positive_bounds(logits)
        if bounds is None:
            return MaskCrop.empty()
        (y0, x0, y1, x1), (rows, columns) = bounds, logits.shape
        y0, x0, y1, x1 = (
            max(y0 - RIM, 0),
            max(x0 - RIM, 0),
            min(y1 + RIM, rows),
            min(x1 + RIM, columns),
        )
        crop, factor = logits[y0:y1, x0:x1], view.factor
        if factor > 1:
            crop = ndimage.zoom(crop, factor, order=1, mode="nearest", grid_mode=True)
        top = (y0 + offset[0]) * factor + view.window.y0
        left = (x0 + offset[1]) * factor + view.window.x0
        placed = Window(top, left, top + crop.shape[0], left + crop.shape[1])
        inside = placed.clip(self.shape)
        cut = crop[inside.y0 - top : inside.y1 - top, inside.x0 - left : inside.x1 - left]
        return MaskCrop(inside, np.ascontiguousarray(cut, dtype=np.float32))


def _shrink(canvas: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    height, width = canvas.shape
    pads = ((0, -height % factor), (0, -width % factor))
    padded = np.pad(canvas, pads, mode="edge")
    blocks = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
