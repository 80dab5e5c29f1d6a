"""Pixels, points, boxes and masks between an image of any size and the network's square input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor

from sam2_model.errors import InputError
from sam2_model.modeling.prompt_encoder import PointLabel

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)
_HOLE_LOGIT = 0.1


def as_rgb(image: ArrayLike) -> NDArray[np.generic]:
    """Check an image and give it three channels.

    Parameters
    ----------
    image : array_like
        (H, W), (H, W, 1) or (H, W, 3); uint8, or float in 0..1.

    Returns
    -------
    NDArray
        (H, W, 3) uint8 or float32.

    Raises
    ------
    InputError
        For another shape or dtype, an empty image, or values that are not finite or not in 0..1.
    """
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3):
        raise InputError(
            f"An image must be (H, W), (H, W, 1) or (H, W, 3), got {np.shape(image)}; "
            "move the channel axis to the end or pick three channels"
        )
    if array.size == 0:
        raise InputError(f"The image is empty: shape {np.shape(image)}")
    if array.dtype != np.uint8:
        array = _checked_float(array)
    return np.broadcast_to(array, (*array.shape[:2], 3))


def _checked_float(array: NDArray[np.generic]) -> NDArray[np.float32]:
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"An image must be uint8 or float in 0..1, got {array.dtype}; scale it with fixed "
            "contrast limits first, the same for the whole stack"
        )
    if not np.isfinite(array).all():
        raise InputError("The image has NaN or infinite pixels; replace them first (np.nan_to_num)")
    if array.min() < 0 or array.max() > 1:
        raise InputError(
            f"A float image must lie in 0..1, got {array.min():g}..{array.max():g}; scale it first"
        )
    return array.astype(np.float32)


def normalise(pixels: Tensor) -> Tensor:
    """Standardise RGB in 0..1, (..., 3, H, W), by the statistics SAM 2 was trained with."""
    mean, std = (torch.tensor(v, device=pixels.device).view(3, 1, 1) for v in (_MEAN, _STD))
    return (pixels - mean) / std


def image_pixels(image: ArrayLike, size: int, device: torch.device) -> Tensor:
    """Prepare a single image: antialiased bilinear resize of float values.

    Parameters
    ----------
    image : array_like
        As :func:`as_rgb` takes it.
    size : int
        Side of the square input.
    device : torch.device
        Where the resize happens and the result lies.

    Returns
    -------
    Tensor
        (1, 3, size, size), normalised float32. The aspect ratio is not kept, as in SAM 2.
    """
    array = as_rgb(image)
    scale = 255.0 if array.dtype == np.uint8 else 1.0
    pixels = torch.tensor(array, device=device).permute(2, 0, 1)[None].float() / scale
    if pixels.shape[-2:] != (size, size):
        pixels = F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)
    return normalise(pixels)


def frame_pixels(frame: ArrayLike, size: int, device: torch.device) -> Tensor:
    """Prepare a video frame: bicubic resize of 8-bit values, as SAM 2 does for video.

    Parameters and return value are those of :func:`image_pixels`; float frames are rounded to
    8 bits first.
    """
    array = as_rgb(frame)
    if array.dtype != np.uint8:
        array = np.rint(array.astype(np.float32) * 255)
    picture = Image.fromarray(np.ascontiguousarray(array, np.uint8))
    resized = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
    pixels = torch.tensor(resized, device=device).permute(2, 0, 1)[None].float() / 255
    return normalise(pixels)


@dataclass(frozen=True, slots=True)
class PointTokens:
    """Clicks and box corners in pixels of the square input.

    Parameters
    ----------
    points : Tensor
        (B, N, 2) float32, x and y.
    labels : Tensor
        (B, N) int64, :class:`PointLabel` values.
    """

    points: Tensor
    labels: Tensor

    @property
    def count(self) -> int:
        """N; a box counts as two."""
        return self.labels.shape[1]

    @classmethod
    def none(cls, batch: int, device: torch.device) -> PointTokens:
        """Return no points at all, for prompts that consist of a mask."""
        return cls(
            torch.zeros(batch, 0, 2, device=device),
            torch.zeros(batch, 0, dtype=torch.int64, device=device),
        )

    @classmethod
    def joined(cls, parts: Sequence[PointTokens]) -> PointTokens:
        """Put several sets for the same prompts one after another."""
        return cls(
            torch.cat([part.points for part in parts], dim=1),
            torch.cat([part.labels for part in parts], dim=1),
        )


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Between an image of (height, width) and the square input of side ``size``."""

    height: int
    width: int
    size: int

    def points(self, points: ArrayLike, labels: ArrayLike, device: torch.device) -> PointTokens:
        """Check clicks and scale them.

        Parameters
        ----------
        points : array_like
            (N, 2) or (B, N, 2), x and y in pixels; the image spans 0..width and 0..height.
        labels : array_like
            (N,) or (B, N): 1 inside the object, 0 outside.
        device : torch.device
            Of the result.

        Raises
        ------
        InputError
            If shapes disagree, a point lies off the image, or a label is neither 0 nor 1.
        """
        xy, kind = np.asarray(points, np.float32), np.asarray(labels)
        xy, kind = (xy[None], kind[None]) if xy.ndim == 2 else (xy, kind)
        if xy.ndim != 3 or xy.shape[-1] != 2 or kind.shape != xy.shape[:2]:
            raise InputError(
                f"Points must be (N, 2) or (B, N, 2) with labels (N,) or (B, N), got "
                f"{np.shape(points)} and {np.shape(labels)}"
            )
        self._inside(xy)
        if not np.isin(kind, (PointLabel.OUTSIDE, PointLabel.INSIDE)).all():
            raise InputError(
                f"A point's label is 1 (inside) or 0 (outside), got {sorted(set(kind.flat))}"
            )
        return PointTokens(self._scaled(xy, device), torch.tensor(kind.astype(int), device=device))

    def boxes(self, boxes: ArrayLike, device: torch.device) -> PointTokens:
        """Check boxes (4,) or (B, 4) as x0, y0, x1, y1 in pixels, and make corner points of them.

        Raises
        ------
        InputError
            If a box is inside out or empty, not finite, or wholly off the image.
        """
        corners = np.asarray(boxes, np.float32)
        if corners.shape[-1:] != (4,) or corners.ndim not in (1, 2):
            raise InputError(f"A box is (x0, y0, x1, y1), several are (B, 4); got {corners.shape}")
        corners = corners.reshape(-1, 2, 2)
        first, last = corners[:, 0], corners[:, 1]
        if not np.isfinite(corners).all() or (last <= first).any():
            raise InputError(f"A box needs x1 > x0 and y1 > y0, got {np.asarray(boxes).tolist()}")
        if (last <= 0).any() or (first >= (self.width, self.height)).any():
            raise InputError(
                f"The box {np.asarray(boxes).tolist()} lies outside the image of "
                f"{self.width} x {self.height} pixels"
            )
        kind = torch.tensor(
            [[PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT]] * len(corners), device=device
        )
        return PointTokens(self._scaled(corners, device), kind)

    def prompt(
        self,
        points: ArrayLike | None,
        labels: ArrayLike | None,
        box: ArrayLike | None,
        device: torch.device,
    ) -> PointTokens | None:
        """Join boxes and clicks, boxes first; None where neither is given.

        Raises
        ------
        InputError
            If either is wrong, labels are missing, or the numbers of prompts differ.
        """
        if (points is None) != (labels is None):
            raise InputError("Points and labels come together: one label per point")
        parts = [] if box is None else [self.boxes(box, device)]
        if points is not None and labels is not None:
            parts.append(self.points(points, labels, device))
        if len(parts) == 2 and len(parts[0].points) != len(parts[1].points):
            raise InputError(
                f"{len(parts[0].points)} boxes but {len(parts[1].points)} sets of points: "
                "give as many of each"
            )
        return PointTokens.joined(parts) if parts else None

    def _inside(self, xy: NDArray[np.float32]) -> None:
        limit = np.asarray((self.width, self.height), np.float32)
        bad = ~((xy >= 0) & (xy <= limit)).all(-1)
        if bad.any():
            raise InputError(
                f"The point (x, y) = {tuple(xy[bad][0].tolist())} lies outside the image of "
                f"{self.width} x {self.height} pixels"
            )

    def _scaled(self, xy: NDArray[np.float32], device: torch.device) -> Tensor:
        extent = torch.tensor((self.width, self.height), dtype=torch.float32)
        return (torch.from_numpy(xy.copy()) / extent * self.size).to(device)


def check_mask(mask: ArrayLike, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Check a binary mask of an image's (height, width).

    Raises
    ------
    InputError
        If the shape differs, or values other than 0 and 1 (or False and True) occur.
    """
    array = np.asarray(mask)
    if array.shape != shape:
        raise InputError(f"The mask is {array.shape} but the image is {shape}; they must agree")
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise InputError(
            "A mask holds only 0 and 1; pick one label of a label image with `labels == value`"
        )
    return array.astype(bool)


def mask_to_square(mask: NDArray[np.bool_], size: int, device: torch.device) -> Tensor:
    """Resize a binary mask (H, W) to (1, 1, size, size), antialiased, cut at one half."""
    values = torch.tensor(mask, device=device, dtype=torch.float32)[None, None]
    if values.shape[-2:] != (size, size):
        values = F.interpolate(values, size=(size, size), mode="bilinear", antialias=True)
    return values >= 0.5


def fill_holes(logits: Tensor, area: int) -> Tensor:
    """Raise background specks enclosed or not, of at most ``area`` pixels, to foreground.

    Parameters
    ----------
    logits : Tensor
        (B, 1, h, w).
    area : int
        Largest component of 8-connected background that is filled; 0 changes nothing.
    """
    if area <= 0:
        return logits
    small = [small_components(plane <= 0, area) for plane in logits[:, 0].float().cpu().numpy()]
    holes = torch.from_numpy(np.stack(small))[:, None].to(logits.device)
    return torch.where(holes, _HOLE_LOGIT, logits)


def small_components(mask: NDArray[np.bool_], area: int) -> NDArray[np.bool_]:
    """Return the 8-connected components of ``mask`` (H, W) that have at most ``area`` pixels."""
    labels, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = area + 1
    found: NDArray[np.bool_] = (sizes <= area)[labels]
    return found
