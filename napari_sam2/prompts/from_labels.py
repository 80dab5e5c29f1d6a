"""Prompts from a label image: the mask, box or center of each label."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.masks.label_image import LabelSource, ReadWindow, label_crops, plane_reader
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt


class LabelPromptKind(Enum):
    """Kind of prompt made from a label."""

    MASK = "mask"
    BOX = "box"
    CENTER = "center"


def prompts_from_labels(
    labels: LabelSource,
    geometry: LabelGeometry,
    labels_as: LabelPromptKind = LabelPromptKind.MASK,
    frame: int | None = None,
) -> Iterator[Prompt]:
    """Yield the prompts of a label image.

    Parameters
    ----------
    labels : array_like
        A plane (H, W), a stack (frames, H, W), or an array of the input's shape without channels.
        The value is the object id; 0 is background.
    geometry : LabelGeometry
        The stack.
    labels_as : LabelPromptKind
        Masks, half-open bounding boxes, or the pixel with the largest distance to the background.
    frame : int or None
        Frame of a single plane (None means 0), or the only frame of a stack to use.

    Yields
    ------
    Prompt
        By frame, then id.

    Raises
    ------
    UserError
        If the shape does not fit, or values are negative or not integers.
    """
    if frame is not None and not 0 <= frame < geometry.n_frames:
        raise UserError(f"Frame {frame} is outside the stack's 0 to {geometry.n_frames - 1}.")
    for number, read in _planes(labels, geometry, frame):
        for label, window, mask in label_crops(read, geometry.shape):
            yield _prompt(label, number, window, mask, labels_as)


def _planes(
    labels: LabelSource, geometry: LabelGeometry, frame: int | None
) -> Iterator[tuple[int, ReadWindow]]:
    if tuple(labels.shape) == geometry.shape and len(geometry.label_shape) > 2:
        yield frame or 0, lambda window: np.asarray(labels[window.slices])
        return
    for number in range(geometry.n_frames) if frame is None else (frame,):
        yield number, plane_reader(labels, geometry, number)


def _prompt(
    label: int, frame: int, window: Window, mask: NDArray[np.bool_], labels_as: LabelPromptKind
) -> Prompt:
    if labels_as is LabelPromptKind.BOX:
        y0, x0, y1, x1 = window.y0, window.x0, window.y1, window.x1
        return BoxPrompt(label, frame, (y0, x0), (y1, x1))
    if labels_as is LabelPromptKind.CENTER:
        y, x = interior_point(mask)
        return PointPrompt(label, frame, (window.y0 + y, window.x0 + x))
    return MaskPrompt(label, frame, mask, window.offset)


def interior_point(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first of the pixels (y, x) with the largest distance to the background."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(depth)), mask.shape)
    return int(y), int(x)
