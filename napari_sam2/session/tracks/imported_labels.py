"""The labels of a whole stack, imported into its sessions as masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.images.layout import choose_layout
from napari_sam2.images.readers import local_path
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.zarr.labels import label_location
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.masks.label_image import open_label_image
from napari_sam2.masks.label_values import restore_labels, whole_labels
from napari_sam2.session.session_group import SessionGroup

_NO_PARENTS = Lineage({})


_LARGEST_ID = 2**16 - 1
"""Largest id of an object in a session, whose label images have 16 bits."""


def open_labels(source: str | Path, axes: str | None = None, along: str | None = None) -> Stack:
    """Open labels as a stack, in the way of :func:`napari_sam2.masks.label_image.open_label_image`.

    Parameters
    ----------
    source : str or Path
        A label image, or an OME-Zarr image with one label image, which is read then.
    axes : str or None
        Axes of the labels; None uses those of the file.
    along : str or None
        Axis of the frames, see :func:`napari_sam2.open_stack`.

    Raises
    ------
    UserError
        If it cannot be opened, or an OME-Zarr image has several label images.
    """
    path = local_path(str(source))
    stack = open_stack(label_location(source), axes=axes, along=along)
    if not path.exists():
        return stack
    array, letters, notes = _values(stack, path)
    opened = replace(stack.source, levels=(array,), axes=letters, notes=stack.source.notes + notes)
    layout, fixed = choose_layout(letters or "", array.shape, stack.along, {}, None)
    return Stack.assemble(opened, layout, opened.notes + fixed)


def _values(stack: Stack, path: Path) -> tuple[Any, str | None, tuple[str, ...]]:
    """Return labels as single numbers, their axes and messages; palette images give indices."""
    letters = stack.label_axes
    if "S" in stack.axes and (path.is_dir() or path.suffix.lower() == ".png"):
        labels = open_label_image(path)
        if labels.shape == stack.label_shape:
            return WrappedArray(labels.array), letters, labels.notes
    return restore_labels(stack.source.levels[0], stack.axes, path)


def open_label_stack(source: str | Path, stack: Stack, axes: str | None = None) -> Stack:
    """Open the labels of an image, with frames along its axis.

    Parameters
    ----------
    source : str or Path
        A label image, or an OME-Zarr image that holds one.
    stack : Stack
        The image.
    axes : str or None
        Axes of the labels; None uses those of the file.

    Raises
    ------
    UserError
        See :func:`check_label_stack`; or if the labels cannot be opened.
    """
    labels = open_labels(source, axes, stack.along)
    check_label_stack(labels, stack)
    return labels


def check_label_stack(labels: Stack, stack: Stack) -> None:
    """Raise UserError unless all planes are labels, of the axes and the shape of an image.

    Ids must not exceed those of a session.
    """
    if labels.n_channels > 1:
        raise UserError(
            f"{labels.name} has {labels.n_channels} channels, labels have none. Give a label image."
        )
    if (labels.label_axes, labels.label_shape) != (stack.label_axes, stack.label_shape):
        raise UserError(
            f"The labels have axes {labels.label_axes} and shape {labels.label_shape}, the image "
            f"{stack.label_axes} and {stack.label_shape}. Give the image of these labels, or name "
            "the axes."
        )
    if labels.dtype.kind == "b" or (labels.dtype.kind == "u" and labels.dtype.itemsize <= 2):
        return
    lengths = zip(labels.label_axes.lower(), labels.label_shape, strict=True)
    for index in product(*(range(n) for axis, n in lengths if axis not in labels.plane)):
        largest = int(whole_labels(labels.read(index)).max())
        if largest > _LARGEST_ID:
            raise UserError(
                f"{labels.name} holds the label {largest}, but ids in a session are at most "
                f"{_LARGEST_ID}. Renumber the labels, e.g. by relabel_sequential of scikit-image."
            )


def import_label_stack(
    sessions: SessionGroup,
    labels: Stack,
    *,
    lineage: Lineage = _NO_PARENTS,
    drafts: bool = False,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> None:
    """Store all labels and parents as one step of the history.

    Parameters
    ----------
    sessions : SessionGroup
        The sessions of the image.
    labels : Stack
        The labels, see :func:`open_label_stack`.
    lineage : Lineage
        Parents of the labels.
    drafts : bool
        Whether the masks are to be checked, and not accepted yet.
    report : callable
        Receives the number of planes that are done and that of all.
    """
    stack = sessions.stack
    lengths = dict(zip(stack.label_axes.lower(), stack.label_shape, strict=True))
    others = sessions.grid.others
    positions = list(product(*(range(lengths[axis]) for axis in others)))
    total = len(positions) * stack.n_frames
    with sessions.history.step("Import labels"):
        for number, position in enumerate(positions):
            session = sessions[tuple(zip(others, position, strict=True))]
            found: set[int] = set()
            for frame in range(stack.n_frames):
                plane = labels.read(session.stack.index(frame)).reshape(labels.shape)
                found |= set(session.import_labels(frame, plane))
                report(number * stack.n_frames + frame + 1, total)
            for object_id in sorted(found) if drafts else ():
                session.reopen(object_id)
        for child, parent in sorted(lineage.parents.items()):
            sessions.objects.set_parent(child, parent)
