"""Paint strokes and labels of a napari Labels layer as prompts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates
from napari_sam2.images.readers.transposed import transposed
from napari_sam2.masks.label_layout import stored_shape
from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.from_labels import LabelPromptKind, prompts_from_labels
from napari_sam2.prompts.types import MaskPrompt, Prompt, PromptKey

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_sam2.images.stack import Stack
    from napari_sam2.session.session_group import SessionGroup


@dataclass(frozen=True, eq=False)
class Stroke:
    """The pixels that one stroke changed, for one object on one frame.

    Parameters
    ----------
    fixed : FixedPosition
        Position on the axes that are neither propagated nor in the plane.
    object_id : int
        The label value.
    frame : int
        Position along the propagated axis.
    yx : NDArray[np.int64]
        (N, 2) changed pixels of the plane, (row, column).
    added : NDArray[np.bool_]
        (N,) True where the pixel was added to the object, False where it was removed.
    """

    fixed: FixedPosition
    object_id: int
    frame: int
    yx: NDArray[np.int64]
    added: NDArray[np.bool_]

    def apply(self, before: FrameResult | None) -> tuple[NDArray[np.bool_], tuple[int, int]]:
        """Return the object's mask after the stroke, as a crop (h, w) with its offset (y, x)."""
        (y0, x0), (y1, x1) = self.yx.min(axis=0), self.yx.max(axis=0) + 1
        window = Window(int(y0), int(x0), int(y1), int(x1))
        if before is not None and not before.crop.window.empty:
            window = window.union(before.crop.window)
        mask = np.zeros(window.shape, bool)
        if before is not None and not before.crop.window.empty:
            crop = before.own_crop
            mask[crop.window.relative_to(window).slices] = crop.logits > 0
        local = self.yx - np.array(window.offset)
        mask[local[:, 0], local[:, 1]] = self.added
        return mask, window.offset


def strokes(item: Iterable[Any], grid: LayerCoordinates) -> Iterator[Stroke]:
    """Convert the value of a Labels layer's ``paint`` event to strokes.

    Parameters
    ----------
    item : iterable
        The atoms of one undoable edit: boxes with a mask and the values before and after, or
        index arrays with them.
    grid : LayerCoordinates
        Converts the layer's coordinates to positions in the stack.

    Yields
    ------
    Stroke
        One for each object and frame that gained or lost a pixel.
    """
    parts = [_changes(atom) for atom in item]
    where = np.concatenate([part[0] for part in parts])
    old = np.concatenate([part[1] for part in parts])
    new = np.concatenate([part[2] for part in parts])
    planes = [i for i, axis in enumerate(grid.axes) if axis not in grid.plane]
    for plane in np.unique(where[:, planes], axis=0):
        here = np.all(where[:, planes] == plane, axis=1)
        yield from _strokes_of_plane(grid, where[here], old[here], new[here])


def prompts_from_paint(
    item: Iterable[Any], sessions: SessionGroup
) -> list[tuple[PromptKey, tuple[Prompt, ...]]]:
    """Return a mask prompt for each object and frame that a ``paint`` event changed.

    An object that lost all its pixels on a frame gets no prompt there.
    """
    changes: list[tuple[PromptKey, tuple[Prompt, ...]]] = []
    for stroke in strokes(item, sessions.grid):
        before = sessions[stroke.fixed].result(stroke.object_id, stroke.frame)
        mask, offset = stroke.apply(before)
        prompts: tuple[Prompt, ...] = ()
        if mask.any():
            prompts = (MaskPrompt(stroke.object_id, stroke.frame, mask, offset),)
        changes.append((PromptKey(stroke.fixed, stroke.object_id, stroke.frame), prompts))
    return changes


def layer_prompts(
    layer: Labels, stack: Stack, labels_as: LabelPromptKind, frame: int
) -> tuple[Prompt, ...]:
    """Return a prompt for each label of a layer on one frame.

    Raises
    ------
    UserError
        If the layer does not have the shape of the stack's labels.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    shape = stored_shape(stack, stack.native_label_axes)
    if tuple(data.shape) != shape:
        raise UserError(
            f"The layer {layer.name!r} has the shape {tuple(data.shape)}, but the image has "
            f"{shape}. Choose labels of this image."
        )
    labels = transposed(data, stack.native_label_axes, stack.label_axes)
    plane = np.asarray(labels[stack.label_slices(stack.index(frame))])
    return tuple(prompts_from_labels(plane, stack, labels_as, frame))


def hide_labels(layer: Labels, hidden: Sequence[int]) -> None:
    """Make labels transparent; the others keep their colors.

    A colormap draws the whole plane again, so it is set only if something changes.
    """
    visible = layer.metadata.setdefault("visible_colormap", layer.colormap)
    now = tuple(sorted(hidden))
    if layer.metadata.get("hidden_labels", ()) == now:
        return
    layer.metadata["hidden_labels"] = now
    if not now:
        layer.colormap = visible
        return
    ids = range(1, max(*now, 254) + 1)
    colors: dict[int | None, Any] = {i: visible.map(i) for i in ids}
    colors.update(dict.fromkeys(now, "transparent"))
    layer.colormap = DirectLabelColormap(color_dict={**colors, None: "transparent"})


def _strokes_of_plane(
    grid: LayerCoordinates, where: NDArray[Any], old: NDArray[Any], new: NDArray[Any]
) -> Iterator[Stroke]:
    columns = [grid.axes.index(axis) for axis in grid.plane]
    fixed, frame = grid.fixed(where[0]), grid.frame(where[0])
    for object_id in np.unique(np.concatenate([old, new])):
        touched = (old == object_id) | (new == object_id)
        if object_id > 0 and touched.any():
            yx = where[touched][:, columns]
            yield Stroke(fixed, int(object_id), frame, yx, new[touched] == object_id)


def _changes(atom: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return coordinates (N, ndim), and the values before and after, (N,)."""
    if hasattr(atom, "slice_key"):
        corner = np.array([s.start if isinstance(s, slice) else s for s in atom.slice_key])
        lengths = [s.stop - s.start if isinstance(s, slice) else 1 for s in atom.slice_key]
        mask = np.ones(lengths, bool) if atom.mask is None else np.reshape(atom.mask, lengths)
        where = np.argwhere(mask) + corner
        return (
            where,
            _broadcast(atom.old_values, len(where)),
            _broadcast(atom.new_value, len(where)),
        )
    indices, before, after = atom
    where = np.stack([np.asarray(i) for i in np.broadcast_arrays(*indices)], axis=1)
    return where, _broadcast(before, len(where)), _broadcast(after, len(where))


def _broadcast(values: Any, count: int) -> NDArray[Any]:
    return np.broadcast_to(np.asarray(values).reshape(-1), (count,))
