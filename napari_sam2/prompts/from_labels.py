"""Prompts from a label image: each label is an object, as its mask, box or center."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.masks.label_image import (
    LabelSource,
    ReadWindow,
    is_one_plane,
    label_crops,
    plane_reader,
)
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt


class LabelPromptKind(Enum):
    """Kind of the prompts that labels are converted to."""

    MASK = "mask"
    BOX = "box"
    CENTER = "center"


def prompts_from_labels(
    labels: LabelSource,
    geometry: LabelGeometry,
    labels_as: LabelPromptKind = LabelPromptKind.MASK,
    frame: int | None = None,
) -> Iterator[Prompt]:
    """Yield a prompt for each label of each frame, by frame and then by value.

    Parameters
    ----------
    labels : array_like
        One plane (H, W), the frames (frames, H, W), or the whole input without channels, see
        :func:`napari_sam2.masks.label_layout.match_label_axes`. The value is the object id, 0 is
        background. All frames on which an object has a label are its prompted frames.
    geometry : LabelGeometry
        The stack.
    labels_as : LabelPromptKind
        Masks, half-open bounding boxes, or a point in the pixel that is farthest from the outside.
    frame : int or None
        Frame of the labels of one plane, None is 0; of other labels, the only frame that is used.

    Raises
    ------
    UserError
        If the shape does not fit, or values are negative or not whole numbers.
    """
    if frame is not None and not 0 <= frame < geometry.n_frames:
        raise UserError(f"Frame {frame} is outside the stack's 0 to {geometry.n_frames - 1}.")
    for number, read in _planes(labels, geometry, frame):
        for label, window, mask in label_crops(read, geometry.shape):
            yield _prompt(label, number, window, mask, labels_as)


def _planes(
    labels: LabelSource, geometry: LabelGeometry, frame: int | None
) -> Iterator[tuple[int, ReadWindow]]:
    if is_one_plane(labels, geometry):
        yield frame or 0, plane_reader(labels, geometry, frame or 0)
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
