"""Masks and prompts without their empty borders, to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.inference.protocol import MaskCandidates, ViewPrompts
from napari_sam2.masks.mask import MAX_LOGIT, RIM, positive_bounds

_SMOOTHED_PIXELS = 4
"""Smoothing of contours reads so many mask pixels around a mask."""
_MASK_STRIDE = 4
"""Input pixels per pixel of the masks that SAM 2 predicts."""


@dataclass(frozen=True, slots=True)
class PackedArray:
    """A plane (H, W) that has one value outside of a part.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the plane.
    fill : Any
        The value outside of the part.
    offset : tuple of int
        Position (y, x) of the part.
    part : NDArray
        (h, w).
    """

    shape: tuple[int, int]
    fill: Any
    offset: tuple[int, int]
    part: NDArray[Any]

    @classmethod
    def of(cls, plane: NDArray[Any]) -> PackedArray:
        """Pack a plane; :meth:`unpack` returns it, value for value."""
        fill = plane[0, 0]
        differs = plane != fill
        rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
        if not len(rows):
            return cls._cut(plane, fill, Window(0, 0, 0, 0))
        return cls._cut(plane, fill, Window(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1))

    @classmethod
    def of_logits(cls, logits: NDArray[np.float32], margin: int) -> PackedArray:
        """Pack logits; those farther from the positive ones than a margin become the lowest."""
        bounds = positive_bounds(logits)
        box = Window(0, 0, 0, 0)
        if bounds is not None:
            box = Window(*bounds).grow(margin).clip((logits.shape[0], logits.shape[1]))
        return cls._cut(logits, np.float32(-MAX_LOGIT), box)

    @classmethod
    def _cut(cls, plane: NDArray[Any], fill: Any, box: Window) -> PackedArray:
        part = np.ascontiguousarray(plane[box.slices])
        return cls((plane.shape[0], plane.shape[1]), fill, (int(box.y0), int(box.x0)), part)

    def unpack(self) -> NDArray[Any]:
        """Return the plane."""
        plane = np.full(self.shape, self.fill, self.part.dtype)
        (top, left), (height, width) = self.offset, self.part.shape
        plane[top : top + height, left : left + width] = self.part
        return plane


def margin(shape: tuple[int, int], image_size: int) -> int:
    """Return how far from a mask its logits matter, in pixels of the encoded image.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the encoded image.
    image_size : int
        Side of the model's input.
    """
    mask_pixel = max(shape) * _MASK_STRIDE / image_size
    return ceil(_SMOOTHED_PIXELS * mask_pixel) + RIM + 1


@dataclass(frozen=True, slots=True)
class PackedCandidates:
    """Packed :class:`MaskCandidates`."""

    logits: tuple[PackedArray, ...]
    predicted_iou: NDArray[np.float32]
    object_score: float

    @classmethod
    def of(cls, found: MaskCandidates, image_size: int) -> PackedCandidates:
        """Pack candidates; see :meth:`PackedArray.of_logits`."""
        around = margin((found.logits.shape[1], found.logits.shape[2]), image_size)
        packed = tuple(PackedArray.of_logits(plane, around) for plane in found.logits)
        return cls(packed, found.predicted_iou, found.object_score)

    def unpack(self) -> MaskCandidates:
        """Return the candidates."""
        logits = np.stack([packed.unpack() for packed in self.logits])
        return MaskCandidates(logits, self.predicted_iou, self.object_score)


@dataclass(frozen=True, slots=True)
class PackedPrompts:
    """Packed :class:`ViewPrompts`, value for value."""

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    box: NDArray[np.float64] | None
    mask: PackedArray | None
    previous: PackedArray | None

    @classmethod
    def of(cls, prompts: ViewPrompts) -> PackedPrompts:
        """Pack prompts."""
        mask, previous = prompts.mask, prompts.previous
        return cls(
            prompts.points,
            prompts.labels,
            prompts.box,
            None if mask is None else PackedArray.of(mask),
            None if previous is None else PackedArray.of(previous),
        )

    def unpack(self) -> ViewPrompts:
        """Return the prompts."""
        mask, previous = self.mask, self.previous
        return ViewPrompts(
            self.points,
            self.labels,
            self.box,
            None if mask is None else mask.unpack(),
            None if previous is None else previous.unpack(),
        )
