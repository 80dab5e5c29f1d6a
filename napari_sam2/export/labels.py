"""The result on disk: begun before a run, written by crop, completed at its end."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import DTypeLike

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.export.calibration import Calibration
from napari_sam2.export.destination import OutputDestination, OutputKind
from napari_sam2.export.ome_zarr import ImageSource, OmeZarrWriter
from napari_sam2.export.tiff import write_label_tiff
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.mask import MaskStatus

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.store import MaskStore


def create_label_output(
    output: OutputDestination,
    stack: ImageSource,
    ids: Iterable[int],
    *,
    dtype: DTypeLike | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> LabelArray:
    """Make the empty label array of an output.

    Parameters
    ----------
    output : OutputDestination
        Where to; nothing must be there.
    stack : ImageSource
        The input.
    ids : iterable of int
        Objects that will be written.
    dtype : dtype or None
        See :func:`napari_sam2.masks.label_layout.label_dtype`.
    attributes : mapping or None
        Kept with the labels, e.g. which model made them.

    Raises
    ------
    UserError
        If the ids do not fit or the input's axes do not suit the format.
    """
    objects = tuple(ids)
    calibration = Calibration.of(stack)
    if output.kind is OutputKind.OME_ZARR:
        calibration.check_ngff()
    facts = {"scale": list(calibration.scale), "units": list(calibration.units)}
    output.path.parent.mkdir(parents=True, exist_ok=True)
    labels = LabelArray.create(
        output.labels, stack, ids=objects, dtype=dtype, attributes={**facts, **(attributes or {})}
    )
    if output.kind is OutputKind.OME_ZARR:
        OmeZarrWriter(output.path, stack).begin(objects)
    return labels


def open_label_output(
    output: OutputDestination, stack: ImageSource, ids: Iterable[int]
) -> LabelArray:
    """Open the label array of an output that was begun before.

    Raises
    ------
    UserError
        If it is missing or of another shape, or the ids do not fit.
    """
    labels = LabelArray.open(output.labels, stack)
    labels.check_ids(ids)
    return labels


def finish_label_output(
    output: OutputDestination,
    stack: ImageSource,
    labels: LabelArray,
    ids: Iterable[int],
    note: str = "",
) -> None:
    """Complete an output; to be called again after an interruption.

    Parameters
    ----------
    output : OutputDestination
        What was begun.
    stack : ImageSource
        The input.
    labels : LabelArray
        Its labels.
    ids : iterable of int
        Objects, for their colours.
    note : str
        For formats that take one, e.g. ``"untrained"``.
    """
    if output.kind is OutputKind.TIFF:
        if output.path.is_dir():
            raise UserError(f"{output.path} is a folder: remove it first.")
        write_label_tiff(output.path, labels.array, Calibration.of(stack), note)
    elif output.kind is OutputKind.OME_ZARR:
        OmeZarrWriter(output.path, stack).finish(labels, ids)


def free_path(stack: Stack, ending: str = ".tif", folder: Path | None = None) -> Path:
    """Return a name beside the image, else in the home folder, where nothing is yet.

    Parameters
    ----------
    stack : Stack
        The image.
    ending : str
        ``".tif"``, ``".zarr"`` or ``".ome.zarr"``.
    folder : Path or None
        Where to instead.
    """
    files = stack.source.files
    where = folder or (files[0].parent if files else Path.home())
    stem = (files[0].name if files else stack.name).split(".")[0]
    clean = "".join(c if c.isalnum() or c in " -_" else "_" for c in stem).strip() or "image"
    number, path = 1, where / f"{clean}-labels{ending}"
    while OutputDestination.parse(path).existing():
        number += 1
        path = where / f"{clean}-labels-{number}{ending}"
    return path


def save_labels(
    path: Path, stack: Stack, labels: LabelArray, masks: MaskStore, note: str = ""
) -> int:
    """Write the labels of accepted objects; an earlier file of this name is replaced at the end.

    Parameters
    ----------
    path : Path
        Ends in .tif, .zarr or .ome.zarr.
    stack : Stack
        The image, for axes, pixel sizes and units.
    labels : LabelArray
        What is written.
    masks : MaskStore
        Tells which planes hold anything.
    note : str
        For formats that take one, e.g. ``"untrained"``.

    Returns
    -------
    int
        How many objects were written.

    Raises
    ------
    UserError
        If the format does not suit.
    OSError
        If the disk is full or writing is not allowed; the earlier file is then still there.
    """
    accepted = [h for h in masks.infos() if h.status >= MaskStatus.ACCEPTED and h.area]
    ids = sorted({header.object_id for header in accepted})
    fresh = OutputDestination.parse(
        path.with_name(f".{path.name.split('.')[0]}.part{_ending(path)}")
    )
    discard_parts(fresh)
    try:
        target = create_label_output(fresh, stack, ids)
        for index in sorted({header.index for header in accepted}):
            _copy(labels, target, index)
        finish_label_output(fresh, stack, target, ids, note)
        _swap(fresh, path)
    finally:
        discard_parts(fresh)
    return len(ids)


def _copy(labels: LabelArray, target: LabelArray, index: PlaneIndex) -> None:
    target.write(index, Window.of(target.geometry.shape), labels.read(index))


def _ending(path: Path) -> str:
    kind = OutputDestination.parse(path).kind
    return ".tif" if kind is OutputKind.TIFF else kind.value


def _swap(fresh: OutputDestination, path: Path) -> None:
    if path.is_dir():
        OutputDestination.parse(path).check_removable()
        shutil.rmtree(path)
    fresh.path.replace(path)


def discard_parts(output: OutputDestination) -> None:
    """Remove what is left of an output that was moved or not finished."""
    for part in output.existing():
        if part == output.path and part.name[0] != ".":
            continue
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
