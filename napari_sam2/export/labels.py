"""Label files: created before a run, filled during it and completed at its end; saving."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import DTypeLike

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.export.destination import OutputDestination, OutputKind
from napari_sam2.export.ngff import check_axis_order
from napari_sam2.export.ome_zarr import OmeZarrWriter
from napari_sam2.export.tiff import write_label_tiff
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.mask import MaskStatus

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.store import MaskStore


def create_label_output(
    output: OutputDestination,
    stack: Stack,
    ids: Iterable[int],
    *,
    dtype: DTypeLike | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> LabelArray:
    """Create the empty label array of an output.

    The axes of a plain .zarr have the order of the input; other formats have T, Z, Y, X.

    Parameters
    ----------
    output : OutputDestination
        The output; its files must not exist.
    stack : Stack
        The image.
    ids : iterable of int
        Ids of the objects that will be written.
    dtype : dtype or None
        See :func:`napari_sam2.masks.label_layout.label_dtype`.
    attributes : mapping or None
        Stored with the labels, e.g. the name of the model.

    Raises
    ------
    UserError
        If an id does not fit the type, or the format does not allow the order of the axes.
    """
    ids = tuple(ids)
    if output.kind is OutputKind.OME_ZARR:
        check_axis_order(stack.label_axes)
    plain = output.kind is OutputKind.ZARR
    axes = stack.native_label_axes if plain else stack.label_axes
    sizes = {
        "scale": list(stack.calibration.scale(axes)),
        "units": list(stack.calibration.units(axes)),
    }
    output.path.parent.mkdir(parents=True, exist_ok=True)
    labels = LabelArray.create(
        output.labels,
        stack,
        ids=ids,
        dtype=dtype,
        attributes={**sizes, **(attributes or {})},
        axes=axes,
    )
    if output.kind is OutputKind.OME_ZARR:
        OmeZarrWriter(output.path, stack).begin(ids)
    return labels


def open_label_output(output: OutputDestination, stack: Stack, ids: Iterable[int]) -> LabelArray:
    """Open the label array of an output that was created before.

    Raises
    ------
    UserError
        If it is missing or has another shape, or if an id does not fit its type.
    """
    labels = LabelArray.open(output.labels, stack)
    labels.check_ids(ids)
    return labels


def finish_label_output(
    output: OutputDestination, stack: Stack, labels: LabelArray, ids: Iterable[int], note: str = ""
) -> None:
    """Complete an output; after an interruption it can be called again.

    Parameters
    ----------
    output : OutputDestination
        An output that was created before.
    stack : Stack
        The image.
    labels : LabelArray
        The label array of the output.
    ids : iterable of int
        Object ids, for their colors.
    note : str
        Text for the metadata of formats that have a place for it, e.g. ``"untrained"``.

    Raises
    ------
    UserError
        If a folder is in the place of a TIFF file.
    """
    if output.kind is OutputKind.TIFF:
        if output.path.is_dir():
            raise UserError(f"{output.path} is a folder: remove it first.")
        write_label_tiff(output.path, labels.array, stack.label_axes, stack.calibration, note)
    elif output.kind is OutputKind.OME_ZARR:
        OmeZarrWriter(output.path, stack).finish(labels, ids)


def save_labels(
    path: Path, stack: Stack, labels: LabelArray, masks: MaskStore, note: str = ""
) -> int:
    """Save the labels of accepted objects; an existing output is replaced at the end.

    Parameters
    ----------
    path : Path
        The output; its name ends in .tif, .zarr or .ome.zarr.
    stack : Stack
        The image, for axes, pixel sizes and units.
    labels : LabelArray
        The labels to save.
    masks : MaskStore
        The masks, which determine the accepted objects and their planes.
    note : str
        See :func:`finish_label_output`.

    Returns
    -------
    int
        Number of objects that were saved.

    Raises
    ------
    UserError
        If the format does not allow the order of the axes, or if something other than an earlier
        output is at ``path``.
    OSError
        If the disk is full or cannot be written; an existing output is then unchanged.
    """
    accepted = [h for h in masks.infos() if h.status >= MaskStatus.ACCEPTED and h.area]
    ids = sorted({header.object_id for header in accepted})
    temporary = _temporary_output(path)
    discard_parts(temporary)
    try:
        target = create_label_output(temporary, stack, ids)
        for index in sorted({header.index for header in accepted}):
            target.write(index, Window.of(stack.shape), labels.read(index))
        finish_label_output(temporary, stack, target, ids, note)
        _replace(temporary, path)
    finally:
        discard_parts(temporary)
    return len(ids)


def _temporary_output(path: Path) -> OutputDestination:
    """Return a hidden output of the same format beside ``path``."""
    ending = OutputDestination.parse(path).kind.value
    return OutputDestination.parse(path.with_name(f".{path.name.split('.')[0]}.part{ending}"))


def _replace(temporary: OutputDestination, path: Path) -> None:
    if path.is_dir():
        OutputDestination.parse(path).check_removable()
        shutil.rmtree(path)
    temporary.path.replace(path)


def discard_parts(output: OutputDestination) -> None:
    """Remove all files of an output but the finished one; of a hidden output, remove all."""
    for part in output.existing():
        if part == output.path and part.name[0] != ".":
            continue
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def free_path(stack: Stack, ending: str = ".tif", folder: Path | None = None) -> Path:
    """Return a path for the labels of an image at which no output exists.

    Parameters
    ----------
    stack : Stack
        The image.
    ending : str
        ``".tif"``, ``".zarr"`` or ``".ome.zarr"``.
    folder : Path or None
        Folder of the path; None takes that of the image, or the home folder for arrays.
    """
    files = stack.source.files
    folder = folder or (files[0].parent if files else Path.home())
    stem = (files[0].name if files else stack.name).split(".")[0]
    clean = "".join(c if c.isalnum() or c in " -_" else "_" for c in stem).strip() or "image"
    number, path = 1, folder / f"{clean}-labels{ending}"
    while OutputDestination.parse(path).existing():
        number += 1
        path = folder / f"{clean}-labels-{number}{ending}"
    return path
