"""Conversion of images, points, boxes and masks to the network's square input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
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
    """Return an image with three channels, after checking it.

    Parameters
    ----------
    image : array_like
        (H, W), (H, W, 1) or (H, W, 3); uint8, or float in 0..1.

    Returns
    -------
    NDArray
        (H, W, 3) uint8, or float32 in 0..1.

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
            "move the channel axis to the end or select three channels"
        )
    if array.size == 0:
        raise InputError(f"The image is empty: shape {np.shape(image)}")
    if array.dtype != np.uint8:
        array = _checked_float(array)
    return np.broadcast_to(array, (*array.shape[:2], 3))


def _checked_float(array: NDArray[np.generic]) -> NDArray[np.float32]:
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"An image must be uint8 or float in 0..1, got {array.dtype}; scale it first, with the "
            "same contrast limits for the whole stack"
        )
    if not np.isfinite(array).all():
        raise InputError("The image has NaN or infinite pixels; replace them first (np.nan_to_num)")
    if array.min() < 0 or array.max() > 1:
        raise InputError(
            f"A float image must lie in 0..1, got {array.min():g}..{array.max():g}; scale it first"
        )
    return array.astype(np.float32)


def normalize(pixels: Float[Tensor, "*b 3 h w"]) -> Float[Tensor, "*b 3 h w"]:
    """Return RGB pixels (..., 3, H, W) in 0..1, standardized by ImageNet's mean and deviation."""
    mean, std = (torch.tensor(v, device=pixels.device).view(3, 1, 1) for v in (_MEAN, _STD))
    return (pixels - mean) / std


def image_pixels(image: ArrayLike, size: int, device: torch.device) -> Float[Tensor, "1 3 s s"]:
    """Return the network's input for a single image: an antialiased bilinear resize of floats.

    Parameters
    ----------
    image : array_like
        (H, W), (H, W, 1) or (H, W, 3); uint8, or float in 0..1.
    size : int
        Side of the square input in pixels.
    device : torch.device
        Device of the resize and of the result.

    Returns
    -------
    Tensor
        (1, 3, size, size), normalized float32. As in SAM 2, the aspect ratio is not kept.

    Raises
    ------
    InputError
        If :func:`as_rgb` refuses the image.
    """
    array = as_rgb(image)
    scale = 255.0 if array.dtype == np.uint8 else 1.0
    pixels = torch.tensor(array, device=device).permute(2, 0, 1)[None].float() / scale
    if pixels.shape[-2:] != (size, size):
        pixels = F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)
    return normalize(pixels)


def frame_pixels(frame: ArrayLike, size: int, device: torch.device) -> Float[Tensor, "1 3 s s"]:
    """Return the network's input for a video frame: a bicubic resize of 8-bit values, as in SAM 2.

    Parameters, result and errors are those of :func:`image_pixels`. Float frames are rounded to
    8 bits first.
    """
    array = as_rgb(frame)
    if array.dtype != np.uint8:
        array = np.rint(array.astype(np.float32) * 255)
    picture = Image.fromarray(np.ascontiguousarray(array, np.uint8))
    resized = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
    pixels = torch.tensor(resized, device=device).permute(2, 0, 1)[None].float() / 255
    return normalize(pixels)


@dataclass(frozen=True, slots=True)
class PointTokens:
    """Points and box corners of B prompts in pixels of the square input.

    Parameters
    ----------
    points : Tensor
        (B, N, 2) float32, (x, y).
    labels : Tensor
        (B, N) int64, :class:`PointLabel` values.
    """

    points: Float[Tensor, "b n 2"]
    labels: Integer[Tensor, "b n"]

    @property
    def count(self) -> int:
        """Number of points of each prompt; a box counts as two."""
        return self.labels.shape[1]

    @classmethod
    def empty(cls, batch: int, device: torch.device) -> PointTokens:
        """Return prompts without points, for prompts that consist of a mask."""
        return cls(
            torch.zeros(batch, 0, 2, device=device),
            torch.zeros(batch, 0, dtype=torch.int64, device=device),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[PointTokens]) -> PointTokens:
        """Return several sets of points of the same prompts as one set."""
        return cls(
            torch.cat([part.points for part in parts], dim=1),
            torch.cat([part.labels for part in parts], dim=1),
        )


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Conversion from pixels of an image to pixels of the square input.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels.
    size : int
        Side of the square input in pixels.
    """

    height: int
    width: int
    size: int

    def points(self, points: ArrayLike, labels: ArrayLike, device: torch.device) -> PointTokens:
        """Return points in pixels of the square input, after checking them.

        Parameters
        ----------
        points : array_like
            (N, 2) or (B, N, 2), (x, y) in pixels; the image spans 0..width and 0..height.
        labels : array_like
            (N,) or (B, N): 1 inside the object, 0 outside.
        device : torch.device
            Device of the result.

        Raises
        ------
        InputError
            If shapes differ, a point lies outside the image, or a label is neither 0 nor 1.
        """
        xy, kind = np.asarray(points, np.float32), np.asarray(labels)
        xy, kind = (xy[None], kind[None]) if xy.ndim == 2 else (xy, kind)
        if xy.ndim != 3 or xy.shape[-1] != 2 or kind.shape != xy.shape[:2]:
            raise InputError(
                f"Points must be (N, 2) or (B, N, 2) with labels (N,) or (B, N), got "
                f"{np.shape(points)} and {np.shape(labels)}"
            )
        self._check_inside(xy)
        if not np.isin(kind, (PointLabel.OUTSIDE, PointLabel.INSIDE)).all():
            raise InputError(
                f"A point's label is 1 (inside) or 0 (outside), got {sorted(set(kind.flat))}"
            )
        return PointTokens(self._scaled(xy, device), torch.tensor(kind.astype(int), device=device))

    def boxes(self, boxes: ArrayLike, device: torch.device) -> PointTokens:
        """Return the corners of boxes in pixels of the square input, after checking them.

        Parameters
        ----------
        boxes : array_like
            (4,) or (B, 4), (x0, y0, x1, y1) in pixels.
        device : torch.device
            Device of the result.

        Raises
        ------
        InputError
            If a box is empty or not finite, or lies outside the image.
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
        """Return box corners followed by points, or None if neither is given.

        Parameters and errors are those of :meth:`points` and :meth:`boxes`.

        Raises
        ------
        InputError
            If points come without labels, or the numbers of boxes and sets of points differ.
        """
        if (points is None) != (labels is None):
            raise InputError("Points need labels and labels need points: one label per point")
        parts = [] if box is None else [self.boxes(box, device)]
        if points is not None and labels is not None:
            parts.append(self.points(points, labels, device))
        if len(parts) == 2 and len(parts[0].points) != len(parts[1].points):
            raise InputError(
                f"{len(parts[0].points)} boxes but {len(parts[1].points)} sets of points: "
                "give the same number of each"
            )
        return PointTokens.concatenate(parts) if parts else None

    def _check_inside(self, xy: NDArray[np.float32]) -> None:
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
    """Return a binary mask as bool (H, W), after checking it.

    Raises
    ------
    InputError
        If its shape is not ``shape``, or it has values other than 0 and 1.
    """
    array = np.asarray(mask)
    if array.shape != shape:
        raise InputError(
            f"The mask is {array.shape} but the image is {shape}; they must have the same shape"
        )
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise InputError(
            "A mask has only 0 and 1; select one label of a label image with `labels == value`"
        )
    return array.astype(bool)


def mask_to_square(
    mask: Bool[np.ndarray, "h w"], size: int, device: torch.device
) -> Bool[Tensor, "1 1 s s"]:
    """Return a binary mask (H, W) resized with antialiasing to (1, 1, size, size)."""
    values = torch.tensor(mask, device=device, dtype=torch.float32)[None, None]
    if values.shape[-2:] != (size, size):
        values = F.interpolate(values, size=(size, size), mode="bilinear", antialias=True)
    return values >= 0.5


def fill_holes(logits: Float[Tensor, "b 1 h w"], area: int) -> Float[Tensor, "b 1 h w"]:
    """Return logits in which small background components are foreground.

    Parameters
    ----------
    logits : Tensor
        (B, 1, h, w).
    area : int
        Size in pixels of the largest 8-connected component that is filled; 0 fills none.
    """
    if area <= 0:
        return logits
    small = [small_components(plane <= 0, area) for plane in logits[:, 0].float().cpu().numpy()]
    holes = torch.from_numpy(np.stack(small))[:, None].to(logits.device)
    return torch.where(holes, _HOLE_LOGIT, logits)


def small_components(mask: Bool[np.ndarray, "h w"], area: int) -> Bool[np.ndarray, "h w"]:
    """Return the 8-connected components of a mask (H, W) that have at most ``area`` pixels."""
    labels, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = area + 1
    found: NDArray[np.bool_] = (sizes <= area)[labels]
    return found
