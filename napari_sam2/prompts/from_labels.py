"""Prompts from a label image: each label is an object, as its mask, box or centre."""

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
    """What a label becomes."""

    MASK = "mask"
    BOX = "box"
    CENTER = "center"


def prompts_from_labels(
    labels: LabelSource,
    geometry: LabelGeometry,
    labels_as: LabelPromptKind = LabelPromptKind.MASK,
    frame: int | None = None,
) -> Iterator[Prompt]:
    """Turn labels into prompts.

    Parameters
    ----------
    labels : array_like
        A plane (H, W), a stack (frames, H, W), or an array of the input's shape without channels.
        The value is the object id; 0 is background. A frame with any label is a prompted frame
        of the objects that it shows.
    geometry : LabelGeometry
        The stack that the prompts are for.
    labels_as : LabelPromptKind
        Masks as they are, half-open bounding boxes, or one point in the deepest pixel (the
        largest distance to the outside).
    frame : int or None
        The frame that a plane is for (None is 0), or the only one of a stack that is used.

    Yields
    ------
    Prompt
        By frame, then id.

    Raises
    ------
    UserError
        If the shape does not fit, or values are negative or fractions.
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
    """Return the pixel (y, x) of a mask that is farthest from its outside; of equals, the first."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(depth)), mask.shape)
    return int(y), int(x)
