"""Automatic masks: a grid of points over an image and its crops, filtered and deduplicated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sam2_model.batching import batches
from sam2_model.errors import InputError
from sam2_model.image_predictor import EncodedImage, ImagePredictor, ImageSettings
from sam2_model.modeling.sam2 import SAM2
from sam2_model.transforms import as_rgb

_EDGE_TOLERANCE = 20.0


@dataclass(frozen=True, slots=True)
class MaskGeneratorSettings:
    """Settings of the point grid and of the filters, with the names of Meta's generator.

    Parameters
    ----------
    points_per_side : int
        The grid has this many rows and columns of points.
    points_per_batch : int
        Number of points decoded at once.
    pred_iou_thresh : float
        Masks need a higher predicted IoU.
    stability_score_thresh, stability_score_offset : float
        Masks need at least this stability score; thresholds are moved by the offset to compute it.
    mask_threshold : float
        Logit above which a pixel belongs to the mask.
    box_nms_thresh, crop_nms_thresh : float
        Box IoU above which the mask with the lower score is dropped, within a crop and between
        crops.
    crop_n_layers : int
        Number of layers of crops; layer n has 4 ** n overlapping crops.
    crop_overlap_ratio : float
        Overlap of crops in the first layer, as a fraction of the image's shorter side.
    crop_n_points_downscale_factor : int
        ``points_per_side`` is divided by this number to the power n in layer n.
    min_mask_region_area : int
        Size in low-resolution pixels of the largest holes and specks that are removed.
    use_m2m : bool
        Refine each mask by using it as the mask input of a second prediction.
    multimask_output : bool
        Decode three masks for each point instead of one.
    """

    points_per_side: int = 32
    points_per_batch: int = 64
    pred_iou_thresh: float = 0.8
    stability_score_thresh: float = 0.95
    stability_score_offset: float = 1.0
    mask_threshold: float = 0.0
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    min_mask_region_area: int = 0
    use_m2m: bool = False
    multimask_output: bool = True

    def __post_init__(self) -> None:
        if self.points_per_side < 1 or self.points_per_batch < 1:
            raise InputError("points_per_side and points_per_batch must be at least 1")


@dataclass(frozen=True, slots=True)
class Crop:
    """A half-open rectangle of the image in pixels, and its layer."""

    x0: int
    y0: int
    x1: int
    y1: int
    layer: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    @property
    def bounds(self) -> NDArray[np.float64]:
        """The crop as (x0, y0, x1, y1)."""
        return np.asarray((self.x0, self.y0, self.x1, self.y1), np.float64)


@dataclass(frozen=True, slots=True)
class FoundMask:
    """One mask of :class:`AutomaticMaskGenerator`.

    Parameters
    ----------
    bbox : tuple of int
        (x, y, width, height) between the centers of the outermost pixels; one pixel has width 0.
    pixels : NDArray[np.bool_]
        (height + 1, width + 1), the mask within its box.
    area : int
        Number of pixels.
    predicted_iou, stability_score : float
        IoU that the model predicts, and ratio of the areas at a higher and a lower threshold.
    point : tuple of float
        (x, y) of the prompt, in pixels.
    crop : Crop
        Crop in which the mask was found.
    """

    bbox: tuple[int, int, int, int]
    pixels: NDArray[np.bool_]
    area: int
    predicted_iou: float
    stability_score: float
    point: tuple[float, float]
    crop: Crop

    @property
    def corners(self) -> NDArray[np.float64]:
        """Centers of the outermost pixels as (x0, y0, x1, y1)."""
        x, y, width, height = self.bbox
        return np.asarray((x, y, x + width, y + height), np.float64)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the mask on an image of ``shape`` (H, W)."""
        x, y, width, height = self.bbox
        full = np.zeros(shape, bool)
        full[y : y + height + 1, x : x + width + 1] = self.pixels
        return full


Progress = Callable[[int, int], None]


class AutomaticMaskGenerator:
    """Segments all objects of an image without prompts (SAM paper, section 4 and appendix B).

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    settings : MaskGeneratorSettings, optional
        Settings of the point grid and of the filters.
    """

    def __init__(self, model: SAM2, settings: MaskGeneratorSettings | None = None) -> None:
        self.settings = settings or MaskGeneratorSettings()
        area = self.settings.min_mask_region_area
        self.predictor = ImagePredictor(
            model, ImageSettings(max_hole_area=area, max_sprinkle_area=area)
        )

    def generate(self, image: ArrayLike, progress: Progress | None = None) -> list[FoundMask]:
        """Return the masks of an image.

        Parameters
        ----------
        image : array_like
            (H, W), (H, W, 1) or (H, W, 3); uint8, or float in 0..1.
        progress : callable, optional
            Called after each batch of points with the number of points done and of all points.
            Its exceptions stop the search.

        Returns
        -------
        list of FoundMask
            An empty list if no mask passes the filters.
        """
        array = as_rgb(image)
        height, width = array.shape[:2]
        crops = list(self._crops(height, width))
        total = sum(self._side(crop) ** 2 for crop in crops)
        done = 0
        found: list[FoundMask] = []
        for crop in crops:
            of_crop: list[FoundMask] = []
            for count, masks in self._segment_crop(array, crop):
                of_crop += masks
                done += count
                if progress is not None:
                    progress(done, total)
            scores = [mask.predicted_iou for mask in of_crop]
            found += _suppress(of_crop, scores, self.settings.box_nms_thresh)
        if len(crops) == 1:
            return found
        return _suppress(found, [1 / m.crop.area for m in found], self.settings.crop_nms_thresh)

    def _crops(self, height: int, width: int) -> Iterator[Crop]:
        """Yield the image, then each layer's overlapping crops, column by column."""
        yield Crop(0, 0, width, height, 0)
        for layer in range(1, self.settings.crop_n_layers + 1):
            count = 2**layer
            overlap = int(self.settings.crop_overlap_ratio * min(height, width) * 2 / count)
            step_x, step_y = (
                -(-(overlap * (count - 1) + length) // count) - overlap
                for length in (width, height)
            )
            for column, row in product(range(count), repeat=2):
                x, y = column * step_x, row * step_y
                far = min(x + step_x + overlap, width), min(y + step_y + overlap, height)
                yield Crop(x, y, *far, layer)

    def _side(self, crop: Crop) -> int:
        factor = self.settings.crop_n_points_downscale_factor**crop.layer
        return max(1, self.settings.points_per_side // factor)

    def _segment_crop(
        self, image: NDArray[np.generic], crop: Crop
    ) -> Iterator[tuple[int, list[FoundMask]]]:
        """Yield the number of points and their masks, batch by batch."""
        part = image[crop.y0 : crop.y1, crop.x0 : crop.x1]
        encoded = self.predictor.encode_image(part)
        side = self._side(crop)
        centers = np.linspace(1 / (2 * side), 1 - 1 / (2 * side), side)
        grid = np.stack([axis.ravel() for axis in np.meshgrid(centers, centers)], axis=1)
        grid *= (encoded.width, encoded.height)
        for rows in batches(range(len(grid)), self.settings.points_per_batch):
            yield len(rows), self._filtered_masks(encoded, grid[rows], crop, image.shape[:2])

    def _filtered_masks(
        self,
        encoded: EncodedImage,
        points: NDArray[np.float64],
        crop: Crop,
        shape: tuple[int, ...],
    ) -> list[FoundMask]:
        logits, ious, points = self._predict(encoded, points)
        stable = self._stability(logits)
        # A stability of NaN (an empty mask) fails the comparison.
        keep = (ious > self.settings.pred_iou_thresh) | (self.settings.pred_iou_thresh <= 0)
        if self.settings.stability_score_thresh > 0:
            keep &= stable >= self.settings.stability_score_thresh
        masks = [
            _found_mask(
                logits[i] > self.settings.mask_threshold, ious[i], stable[i], points[i], crop
            )
            for i in torch.nonzero(keep)[:, 0].tolist()
        ]
        return [mask for mask in masks if not _cut_by_crop(mask, shape)]

    def _predict(
        self, encoded: EncodedImage, points: NDArray[np.float64]
    ) -> tuple[Tensor, Tensor, NDArray[np.float64]]:
        """Return logits (M, H, W), predicted IoU (M,) and prompts (x, y) of each mask (M, 2)."""
        labels = np.ones((len(points), 1), int)
        found = self.predictor.predict(
            encoded, points[:, None], labels, multimask=self.settings.multimask_output
        )
        points = points.repeat(found.logits.shape[1], axis=0)
        if not self.settings.use_m2m:
            return found.logits.flatten(0, 1), found.ious.flatten(), points
        previous = found.low_res.flatten(0, 1)[:, None]
        refined = [
            self.predictor.predict(
                encoded,
                points[rows, None],
                np.ones((len(rows), 1), int),
                mask_input=previous[rows].cpu(),
                multimask=False,
            )
            for rows in batches(range(len(points)), self.settings.points_per_batch)
        ]
        logits = torch.cat([one.logits[:, 0] for one in refined])
        return logits, torch.cat([one.ious[:, 0] for one in refined]), points

    def _stability(self, logits: Tensor) -> Tensor:
        """Return ratios (M,) of areas at a higher and a lower threshold (SAM paper, section 5)."""
        threshold, offset = self.settings.mask_threshold, self.settings.stability_score_offset
        strict = (logits > threshold + offset).flatten(1).sum(1)
        loose = (logits > threshold - offset).flatten(1).sum(1)
        return strict / loose


def _found_mask(
    mask: Tensor, iou: Tensor, stable: Tensor, point: NDArray[np.float64], crop: Crop
) -> FoundMask:
    inside = mask.cpu().numpy()
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    y0, y1 = (int(rows[0]), int(rows[-1])) if len(rows) else (0, 0)
    x0, x1 = (int(columns[0]), int(columns[-1])) if len(columns) else (0, 0)
    return FoundMask(
        bbox=(x0 + crop.x0, y0 + crop.y0, x1 - x0, y1 - y0),
        pixels=inside[y0 : y1 + 1, x0 : x1 + 1].copy(),
        area=int(inside.sum()),
        predicted_iou=float(iou),
        stability_score=float(stable),
        point=(float(point[0]) + crop.x0, float(point[1]) + crop.y0),
        crop=crop,
    )


def _cut_by_crop(mask: FoundMask, shape: tuple[int, ...]) -> bool:
    """Return whether a mask ends near an edge of its crop that is not an edge of the image."""
    whole = np.asarray((0, 0, shape[1], shape[0]), np.float64)
    near_crop = np.abs(mask.corners - mask.crop.bounds) <= _EDGE_TOLERANCE
    near_image = np.abs(mask.corners - whole) <= _EDGE_TOLERANCE
    return bool((near_crop & ~near_image).any())


def _suppress(masks: list[FoundMask], scores: list[float], limit: float) -> list[FoundMask]:
    """Return the masks that greedy non-maximum suppression of their boxes keeps, best first."""
    if not masks:
        return []
    boxes = np.stack([mask.corners for mask in masks])
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    left = np.argsort(-np.asarray(scores), kind="stable")
    kept: list[FoundMask] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(masks[best])
        first = np.maximum(boxes[best, :2], boxes[left, :2])
        last = np.minimum(boxes[best, 2:], boxes[left, 2:])
        common = (last - first).clip(min=0).prod(1)
        union = sizes[best] + sizes[left] - common
        overlap = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
        left = left[overlap <= limit]
    return kept
