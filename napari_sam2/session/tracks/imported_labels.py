"""The labels of a whole stack, imported into its sessions as masks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.images.readers.zarr.labels import label_location
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.masks.label_values import whole_labels
from napari_sam2.session.session_group import SessionGroup

_NO_PARENTS = Lineage({})


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
    labels = open_stack(label_location(source), axes=axes, along=stack.along)
    check_label_stack(labels, stack)
    return labels


def check_label_stack(labels: Stack, stack: Stack) -> None:
    """Raise UserError unless all planes are labels, of the axes and the shape of an image."""
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
    if labels.dtype.kind in ("b", "u"):
        return
    lengths = zip(labels.label_axes.lower(), labels.label_shape, strict=True)
    for index in product(*(range(n) for axis, n in lengths if axis not in labels.plane)):
        whole_labels(labels.read(index))


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
