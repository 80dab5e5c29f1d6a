"""Accepted labels of a viewer session to a file, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.geometry import Index, Window
from napari_sam2.output_paths import Output, OutputKind
from napari_sam2.outputs import begin_output, finish_output
from napari_sam2.results import MaskStatus

if TYPE_CHECKING:
    from napari_sam2.labels import LabelArray
    from napari_sam2.masks import MaskStore
    from napari_sam2.stack import Stack


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
    while Output.parse(path).existing():
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
    accepted = [h for h in masks.headers() if h.status >= MaskStatus.ACCEPTED and h.area]
    ids = sorted({header.object_id for header in accepted})
    fresh = Output.parse(path.with_name(f".{path.name.split('.')[0]}.part{_ending(path)}"))
    discard_parts(fresh)
    try:
        target = begin_output(fresh, stack, ids)
        for index in sorted({header.index for header in accepted}):
            _copy(labels, target, index)
        finish_output(fresh, stack, target, ids, note)
        _swap(fresh, path)
    finally:
        discard_parts(fresh)
    return len(ids)


def _copy(labels: LabelArray, target: LabelArray, index: Index) -> None:
    target.write(index, Window.of(target.geometry.shape), labels.read(index))


def _ending(path: Path) -> str:
    kind = Output.parse(path).kind
    return ".tif" if kind is OutputKind.TIFF else kind.value


def _swap(fresh: Output, path: Path) -> None:
    if path.is_dir():
        Output.parse(path).check_removable()
        shutil.rmtree(path)
    fresh.path.replace(path)


def discard_parts(output: Output) -> None:
    """Remove what is left of an output that was moved or not finished."""
    for part in output.existing():
        if part == output.path and part.name[0] != ".":
            continue
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
