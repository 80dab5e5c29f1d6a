"""Prompts for runs along y and x: cross-sections of the masks of a run along z."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from napari_sam2.core.geometry import Window
from napari_sam2.images.interpolation import interpolate
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.plane_prompts import PlanePrompts, RunPrompts
from napari_sam2.tracking.axis_fusion.axis_masks import AxisMasks, Box
from napari_sam2.tracking.volume_series.key_planes import key_planes


def cross_sections(
    masks: AxisMasks, ids: Iterable[int], axis: str, rows_per_slice: int
) -> RunPrompts:
    """Return masks of objects on planes along another axis.

    An object gets the planes of :func:`key_planes`: the one where it is largest, and those at a
    quarter and at three quarters of its volume. Logits between slices are interpolated.

    Parameters
    ----------
    masks : AxisMasks
        The masks of the run along z.
    ids : iterable of int
        The objects; one without a mask gets no prompts.
    axis : str
        Axis of the planes, y or x.
    rows_per_slice : int
        Number of rows of these planes per slice of the volume.
    """
    found: dict[tuple[int, int], PlanePrompts] = {}
    for object_id in ids:
        box = masks.box(object_id)
        if box is not None:
            for frame, crop in _of_object(masks, object_id, box, axis, rows_per_slice):
                found[object_id, frame] = PlanePrompts(mask=crop)
    return RunPrompts(found)


def _of_object(
    masks: AxisMasks, object_id: int, box: Box, axis: str, rows_per_slice: int
) -> Iterator[tuple[int, MaskCrop]]:
    """Yield the frames of an object's cross-sections, and the masks on them."""
    tall = masks.grown(box)
    for frame in key_planes(_areas(masks, object_id, box, axis)):
        section = masks.logits(object_id, _plane(tall, axis, frame)).squeeze(1 + "yx".index(axis))
        steps = (len(tall.slices) - 1) * rows_per_slice + 1
        rows = np.stack([interpolate(section, row / rows_per_slice) for row in range(steps)])
        top, left = tall.slices.start * rows_per_slice, _extent(box, _other(axis)).start
        window = Window.of((rows.shape[0], rows.shape[1])).shift(top, left)
        yield frame, MaskCrop(window, rows.astype(np.float32))


def _areas(masks: AxisMasks, object_id: int, box: Box, axis: str) -> dict[int, int]:
    """Return the area of an object on each plane along an axis, in voxels."""
    frames = _extent(box, axis)
    areas = np.zeros(len(frames), np.int64)
    for position in box.slices:
        part = Box(range(position, position + 1), box.window)
        inside = masks.logits(object_id, part)[0] > 0
        areas += np.count_nonzero(inside, axis=1 - "yx".index(axis))
    return dict(zip(frames, areas.tolist(), strict=True))


def _plane(box: Box, axis: str, frame: int) -> Box:
    window = box.window
    if axis == "y":
        return Box(box.slices, Window(frame, window.x0, frame + 1, window.x1))
    return Box(box.slices, Window(window.y0, frame, window.y1, frame + 1))


def _extent(box: Box, axis: str) -> range:
    window = box.window
    return range(window.y0, window.y1) if axis == "y" else range(window.x0, window.x1)


def _other(axis: str) -> str:
    return "x" if axis == "y" else "y"
