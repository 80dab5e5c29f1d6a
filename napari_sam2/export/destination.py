"""Destinations of label files: format, parts on disk, and checks before a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import prod
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.session.run_folder import RunFolder

LABEL_GROUP = "objects"
"""Name of the label image in an OME-Zarr."""
_ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


class OutputKind(Enum):
    """Formats of label files, by the ending of the name."""

    OME_ZARR = ".ome.zarr"
    ZARR = ".zarr"
    TIFF = ".tif"


@dataclass(frozen=True, slots=True)
class OutputDestination:
    """A label file with the temporary files and the run folder that belong to it.

    Parameters
    ----------
    path : Path
        The file or folder that the user chose.
    kind : OutputKind
        Its format.
    """

    path: Path
    kind: OutputKind

    @classmethod
    def parse(cls, path: Path | str) -> OutputDestination:
        """Return the destination of a path ending in .zarr, .ome.zarr, .tif or .tiff.

        Raises
        ------
        UserError
            If the path has another ending.
        """
        path = Path(path).expanduser()
        name = path.name.lower()
        if name.endswith(".tiff"):
            return cls(path, OutputKind.TIFF)
        for kind in OutputKind:
            if name.endswith(kind.value) and name != kind.value:
                return cls(path, kind)
        raise UserError(f"The output {path.name} must end in .zarr, .ome.zarr or .tif.")

    @property
    def labels(self) -> Path:
        """The Zarr array that is written during the run."""
        if self.kind is OutputKind.OME_ZARR:
            return self.path / "labels" / LABEL_GROUP / "0"
        if self.kind is OutputKind.TIFF:
            return self.path.with_name(self.path.name + ".zarr")
        return self.path

    @property
    def run_folder(self) -> Path:
        """Folder with the state of the run, beside the output."""
        return self.path.with_name(self.path.name + ".sam2")

    def existing(self) -> tuple[Path, ...]:
        """Return the files and folders of an earlier run."""
        parts = dict.fromkeys((self.path, self._zarr_folder, self.run_folder))
        return tuple(part for part in parts if part.exists() or part.is_symlink())

    @property
    def _zarr_folder(self) -> Path:
        return self.labels if self.kind is OutputKind.TIFF else self.path

    def check_free(self) -> None:
        """Raise an error if the output exists.

        Raises
        ------
        UserError
            If the output, its Zarr array or its run folder exists.
        """
        if found := self.existing():
            raise UserError(
                f"{found[0]} exists: choose another output, --overwrite it, or --resume the run."
            )

    def check_apart(self, inputs: Iterable[Path]) -> None:
        """Raise an error if writing the output would change an input.

        Raises
        ------
        UserError
            If the output is an input, contains one or lies in one.
        """
        for written in (self.path, self._zarr_folder, self.run_folder):
            for read in inputs:
                ours, theirs = written.resolve(), read.resolve()
                if ours == theirs or ours in theirs.parents or theirs in ours.parents:
                    raise UserError(
                        f"The output {written} would change the input {read}: "
                        "choose another output."
                    )

    def check_removable(self) -> None:
        """Raise an error if something other than an earlier output would be overwritten.

        Raises
        ------
        UserError
            If a file or folder in the place of the output is of another kind.
        """
        tiff = self.kind is OutputKind.TIFF
        for zarr in {self._zarr_folder} if tiff else {self.path, self._zarr_folder}:
            if zarr.is_file():
                raise UserError(f"{zarr} is a file, not a Zarr folder: remove it first.")
            if zarr.is_dir() and any(zarr.iterdir()) and not _is_zarr(zarr):
                raise UserError(f"{zarr} is a folder that holds no Zarr: remove it first.")
        if tiff and self.path.is_dir():
            raise UserError(f"{self.path} is a folder: remove it first.")

    def remove(self) -> None:
        """Delete an earlier output with its run folder; see :meth:`check_removable`."""
        self.check_removable()
        RunFolder.remove(self.run_folder)
        for part in self.existing():
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()

    def discard_labels(self) -> None:
        """Delete the Zarr folder of a run that has not written any labels yet."""
        if self._zarr_folder.is_dir() and not self._zarr_folder.is_symlink():
            shutil.rmtree(self._zarr_folder)


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).exists() for name in _ZARR_METADATA)


def check_disk(
    output: OutputDestination, geometry: LabelGeometry, frames: int, image_bytes: int = 0
) -> None:
    """Raise an error if the output is unlikely to fit the disk.

    Labels and masks are estimated at a tenth of a byte per pixel.

    Parameters
    ----------
    output : OutputDestination
        The output.
    geometry : LabelGeometry
        The image, for the size of a plane.
    frames : int
        Number of planes that are segmented.
    image_bytes : int
        Size of the input in bytes; an OME-Zarr output contains a copy of it.

    Raises
    ------
    UserError
        If the disk has less free space than needed.
    """
    copies = image_bytes * 4 // 3 if output.kind is OutputKind.OME_ZARR else 0
    needed = 2**24 + frames * prod(geometry.shape) // 10 + copies
    folder = next(parent for parent in output.path.resolve().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"The output may take {needed / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free in "
            f"{folder}: make room or choose another disk."
        )
