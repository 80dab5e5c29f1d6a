"""Where the labels of a run go, and whether they may go there."""

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
"""Name of the labels within an OME-Zarr image."""
_ZARR_MARKS = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


class OutputKind(Enum):
    """Formats of the result, by the ending of the name."""

    OME_ZARR = ".ome.zarr"
    ZARR = ".zarr"
    TIFF = ".tif"


@dataclass(frozen=True, slots=True)
class OutputDestination:
    """A result on disk and what belongs to it.

    Parameters
    ----------
    path : Path
        The file or folder that the user asked for.
    kind : OutputKind
        Its format.
    """

    path: Path
    kind: OutputKind

    @classmethod
    def parse(cls, path: Path | str) -> OutputDestination:
        """Take the format from the ending: .zarr, .ome.zarr, .tif or .tiff.

        Raises
        ------
        UserError
            If the ending is none of these.
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
        """The zarr array that is written as the run goes on."""
        if self.kind is OutputKind.OME_ZARR:
            return self.path / "labels" / LABEL_GROUP / "0"
        if self.kind is OutputKind.TIFF:
            return self.path.with_name(self.path.name + ".zarr")
        return self.path

    @property
    def run_folder(self) -> Path:
        """The bookkeeping of the run, beside the output."""
        return self.path.with_name(self.path.name + ".sam2")

    def existing(self) -> tuple[Path, ...]:
        """Return what is there of an earlier run."""
        parts = dict.fromkeys((self.path, self._zarr, self.run_folder))
        return tuple(part for part in parts if part.exists() or part.is_symlink())

    @property
    def _zarr(self) -> Path:
        return self.labels if self.kind is OutputKind.TIFF else self.path

    def check_free(self) -> None:
        """Refuse to write over anything.

        Raises
        ------
        UserError
            If the output or its bookkeeping exists.
        """
        if found := self.existing():
            raise UserError(
                f"{found[0]} exists: choose another output, --overwrite it, or --resume the run."
            )

    def check_apart(self, inputs: Iterable[Path]) -> None:
        """Refuse an output that is, holds, or lies in an input.

        Raises
        ------
        UserError
            If so.
        """
        for written in (self.path, self._zarr, self.run_folder):
            for read in inputs:
                ours, theirs = written.resolve(), read.resolve()
                if ours == theirs or ours in theirs.parents or theirs in ours.parents:
                    raise UserError(
                        f"The output {written} would change the input {read}: choose another."
                    )

    def check_removable(self) -> None:
        """Refuse to overwrite anything but an earlier output.

        Raises
        ------
        UserError
            If what is there is no output of this kind.
        """
        for zarr in {self.path, self._zarr} if self.kind is not OutputKind.TIFF else {self._zarr}:
            if zarr.is_file():
                raise UserError(f"{zarr} is a file, not a zarr folder: remove it first.")
            if zarr.is_dir() and any(zarr.iterdir()) and not _is_zarr(zarr):
                raise UserError(f"{zarr} is a folder that holds no zarr: remove it first.")
        if self.kind is OutputKind.TIFF and self.path.is_dir():
            raise UserError(f"{self.path} is a folder: remove it first.")

    def remove(self) -> None:
        """Delete an earlier output with its bookkeeping; see :meth:`check_removable`."""
        self.check_removable()
        RunFolder.remove(self.run_folder)
        for part in self.existing():
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()

    def discard_labels(self) -> None:
        """Delete the zarr folder of a run that has not written any labels yet."""
        if self._zarr.is_dir() and not self._zarr.is_symlink():
            shutil.rmtree(self._zarr)


def _is_zarr(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in _ZARR_MARKS)


def check_disk(
    output: OutputDestination, geometry: LabelGeometry, frames: int, image_bytes: int = 0
) -> None:
    """Refuse to begin what will not fit the disk.

    The estimate for labels and masks is a tenth of a byte per pixel.

    Parameters
    ----------
    output : OutputDestination
        Where to.
    geometry : LabelGeometry
        Size of a plane.
    frames : int
        How many planes are segmented.
    image_bytes : int
        Size of the input, which an OME-Zarr output copies.

    Raises
    ------
    UserError
        If less is free than needed, or the folder cannot be written to.
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
