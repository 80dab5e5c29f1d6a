"""The result on disk: begun before a run, written by crop, completed at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import DTypeLike

from napari_sam2.calibration import Calibration
from napari_sam2.errors import UserError
from napari_sam2.label_tiff import write_label_tiff
from napari_sam2.labels import LabelArray
from napari_sam2.ome_zarr import ImageSource, OmeZarr
from napari_sam2.output_paths import Output, OutputKind


def begin_output(
    output: Output,
    stack: ImageSource,
    ids: Iterable[int],
    *,
    dtype: DTypeLike | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> LabelArray:
    """Make the empty label array of an output.

    Parameters
    ----------
    output : Output
        Where to; nothing must be there.
    stack : ImageSource
        The input.
    ids : iterable of int
        Objects that will be written.
    dtype : dtype or None
        See :func:`napari_sam2.label_geometry.label_dtype`.
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
        OmeZarr(output.path, stack).begin(objects)
    return labels


def resume_output(output: Output, stack: ImageSource, ids: Iterable[int]) -> LabelArray:
    """Open the label array of an output that was begun before.

    Raises
    ------
    UserError
        If it is missing or of another shape, or the ids do not fit.
    """
    labels = LabelArray.open(output.labels, stack)
    labels.check_ids(ids)
    return labels


def finish_output(
    output: Output, stack: ImageSource, labels: LabelArray, ids: Iterable[int], note: str = ""
) -> None:
    """Complete an output; to be called again after an interruption.

    Parameters
    ----------
    output : Output
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
        OmeZarr(output.path, stack).finish(labels, ids)
