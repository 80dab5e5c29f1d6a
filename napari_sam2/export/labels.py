"""Label files: created before a run, filled during it and completed at its end; saving.

The library of a format is imported where labels are written in it: some take a second, in which
other threads hardly run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import DTypeLike, NDArray

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.export.classes.object_classes import NO_CLASSES, ObjectClasses
from napari_sam2.export.destination import OutputDestination, OutputKind
from napari_sam2.export.place import affine_origin, output_calibration
from napari_sam2.images.calibration import PIXEL, SYMBOLS
from napari_sam2.images.input_files import input_folder
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.mask import MaskStatus

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.store import MaskStore


class LabelSource(Protocol):
    """Labels that can be read plane by plane."""

    def read(self, index: PlaneIndex) -> NDArray[Any]:
        """Return the labels (H, W) of a plane."""


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
        If an id does not fit the type or the format.
    """
    ids = tuple(ids)
    if output.kind is OutputKind.PNG:
        from napari_sam2.export.png import check_png_ids

        check_png_ids(ids)
    plain = output.kind is OutputKind.ZARR
    axes = stack.native_label_axes if plain else stack.label_axes
    output.path.parent.mkdir(parents=True, exist_ok=True)
    labels = LabelArray.create(
        output.labels,
        stack,
        ids=ids,
        dtype=dtype,
        attributes={**_place(stack, axes), **(attributes or {})},
        axes=axes,
    )
    if output.kind is OutputKind.OME_ZARR:
        from napari_sam2.export.ome_zarr import OmeZarrWriter

        OmeZarrWriter(output.path, stack).begin(ids)
    return labels


def _place(stack: Stack, axes: str) -> dict[str, Any]:
    """Return sizes, units, origin and affine along axes, as JSON values."""
    place: dict[str, Any] = {
        "scale": list(stack.calibration.scale(axes)),
        "units": list(stack.calibration.units(axes)),
        "origin": list(stack.calibration.origin(axes)),
    }
    if stack.affine is not None:
        place["affine"] = stack.affine.tolist()
    return place


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
    output: OutputDestination,
    stack: Stack,
    labels: LabelArray,
    ids: Iterable[int],
    note: str = "",
    classes: ObjectClasses = NO_CLASSES,
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
    classes : ObjectClasses
        Classes of the objects, stored in .ome.zarr and .coco.json.

    Raises
    ------
    UserError
        If a folder is in the place of a file, or an id does not fit the format.
    """
    output.check_type()
    match output.kind:
        case OutputKind.ZARR:
            pass
        case OutputKind.OME_ZARR:
            from napari_sam2.export.ome_zarr import OmeZarrWriter

            OmeZarrWriter(output.path, stack).finish(labels, ids, classes.names)
        case OutputKind.TIFF:
            from napari_sam2.export.tiff import write_label_tiff

            calibration = output_calibration(stack)
            write_label_tiff(output.path, labels.array, stack.label_axes, calibration, note)
        case OutputKind.NIFTI:
            from napari_sam2.export.nifti import write_label_nifti

            write_label_nifti(output.path, stack, labels.array, note)
        case OutputKind.COCO:
            from napari_sam2.export.coco import write_label_coco

            write_label_coco(output.path, stack, labels.array, note, classes.names)
        case OutputKind.PNG:
            from napari_sam2.export.png import write_label_pngs

            write_label_pngs(output.path, stack, labels.array, ids)


def output_notes(output: OutputDestination, stack: Stack) -> tuple[str, ...]:
    """Return messages about what the format of the output cannot store of the input."""
    return (*_unit_notes(output, stack), *_place_notes(output, stack))


def _unit_notes(output: OutputDestination, stack: Stack) -> tuple[str, ...]:
    """Return a message about units that no format but plain Zarr stores."""
    units = {stack.calibration.step(axis).unit for axis in stack.label_axes}
    unknown = sorted(unit for unit in units if unit != PIXEL and unit not in SYMBOLS)
    if not unknown or output.kind is OutputKind.ZARR:
        return ()
    return (
        f"{output.path.name} does not store the unit of sizes in {', '.join(unknown)}: write .zarr "
        "to keep it.",
    )


def _place_notes(output: OutputDestination, stack: Stack) -> tuple[str, ...]:
    kind, origin = output.kind, output_calibration(stack).origin(stack.label_axes)
    tilted = stack.affine is not None and affine_origin(stack.affine, stack.calibration) is None
    if tilted and kind not in (OutputKind.NIFTI, OutputKind.ZARR):
        return (
            f"{output.path.name} keeps the pixel sizes of {stack.name}, not its position and "
            "orientation: write .nii.gz to keep them.",
        )
    if kind is OutputKind.PNG and (len(stack.label_axes) > 2 or any(origin)):
        return (
            f"The PNG files in {output.path.name} keep pixel sizes along y and x only: "
            "write .tif, .ome.zarr or .nii.gz to keep the others.",
        )
    return ()


def write_label_output(
    output: OutputDestination,
    stack: Stack,
    labels: LabelSource,
    indices: Iterable[PlaneIndex],
    ids: Iterable[int],
    note: str = "",
    classes: ObjectClasses = NO_CLASSES,
) -> None:
    """Write planes of labels to a new output.

    Parameters
    ----------
    output : OutputDestination
        The output; its files must not exist.
    stack : Stack
        The image.
    labels : LabelSource
        The labels.
    indices : iterable of tuple of int
        The planes that are copied; the others are 0.
    ids : iterable of int
        Object ids on these planes.
    note, classes
        See :func:`finish_label_output`.

    Raises
    ------
    UserError
        If an id or the name of a class does not fit the format.
    """
    ids = tuple(ids)
    classes.check(output, ids)
    target = create_label_output(output, stack, ids)
    for index in indices:
        target.write(index, Window.of(stack.shape), labels.read(index))
    finish_label_output(output, stack, target, ids, note, classes)


def save_labels(
    path: Path,
    stack: Stack,
    labels: LabelArray,
    masks: MaskStore,
    note: str = "",
    classes: ObjectClasses = NO_CLASSES,
) -> int:
    """Save the labels of accepted objects; an existing output is replaced at the end.

    Parameters
    ----------
    path : Path
        The output; the ending of its name is its format, see :class:`OutputDestination`.
    stack : Stack
        The image, for axes, pixel sizes and units.
    labels : LabelArray
        The labels to save.
    masks : MaskStore
        The masks, which determine the accepted objects and their planes.
    note, classes
        See :func:`finish_label_output`.

    Returns
    -------
    int
        Number of objects that were saved.

    Raises
    ------
    UserError
        If an id or the name of a class does not fit the format, or if something other than an
        earlier output is at ``path``.
    OSError
        If the disk is full or cannot be written; an existing output is then unchanged.
    """
    accepted = [h for h in masks.infos() if h.status >= MaskStatus.ACCEPTED and h.area]
    ids = sorted({header.object_id for header in accepted})
    with replaced_output(path) as temporary:
        indices = sorted({header.index for header in accepted})
        chosen = classes.among(ids)
        write_label_output(temporary, stack, labels, indices, ids, note, chosen)
    return len(ids)


@contextmanager
def replaced_output(path: Path) -> Iterator[OutputDestination]:
    """Yield a hidden output, which takes the place of ``path`` if it could be written."""
    temporary = _temporary_output(path)
    discard_parts(temporary)
    try:
        yield temporary
        _replace(temporary, path)
    finally:
        discard_parts(temporary)


def _temporary_output(path: Path) -> OutputDestination:
    """Return a hidden output of the same format beside ``path``."""
    ending = OutputDestination.parse(path).ending
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
        Ending of the name, e.g. ``".tif"``.
    folder : Path or None
        Folder of the path; None takes that of the image, which for a folder of images is the one
        that contains it, or the home folder for arrays.
    """
    files = stack.source.files
    images = input_folder(stack.source)
    beside = images or (files[0] if files else None)
    folder = folder or (beside.parent if beside else Path.home())
    stem = (beside.name if beside else stack.name).split(".")[0]
    clean = "".join(c if c.isalnum() or c in " -_" else "_" for c in stem).strip() or "image"
    number, path = 1, folder / f"{clean}-labels{ending}"
    while OutputDestination.parse(path).existing():
        number += 1
        path = folder / f"{clean}-labels-{number}{ending}"
    return path
