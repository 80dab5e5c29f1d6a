"""Destinations of label files: format, parts on disk, and checks before a run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import prod
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.input_files import check_outside
from napari_sam2.images.readers import local_path
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.session.storage.run_folder import RunFolder

LABEL_GROUP = "objects"
"""Name of the label image in an OME-Zarr."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


class OutputKind(Enum):
    """Formats of label files, each with its title and the endings of its names."""

    OME_ZARR = ("OME-Zarr", ".ome.zarr")
    ZARR = ("Zarr", ".zarr")
    TIFF = ("TIFF", ".tif", ".tiff")
    NIFTI = ("NIfTI", ".nii.gz", ".nii")
    COCO = ("COCO", ".coco.json")
    PNG = ("Folder of PNG", ".png")

    @property
    def title(self) -> str:
        """Name of the format."""
        return self.value[0]

    @property
    def endings(self) -> tuple[str, ...]:
        """Endings of its names, the usual one first."""
        return self.value[1:]

    @property
    def is_zarr(self) -> bool:
        """Whether the labels are written in place, instead of converted at the end."""
        return self in (OutputKind.ZARR, OutputKind.OME_ZARR)

    @property
    def is_folder(self) -> bool:
        """Whether the output is a folder."""
        return self.is_zarr or self is OutputKind.PNG

    def ending_of(self, name: str) -> str | None:
        """Return the ending by which a file name has this format, None if it has not."""
        lower = name.lower()
        return next((e for e in self.endings if lower.endswith(e) and lower != e), None)


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
        """Return the destination of a path or ``file:`` URL; the ending of its name is the format.

        Raises
        ------
        UserError
            If it has another ending, or is the URL of another place.
        """
        path = _local(str(path))
        for kind in OutputKind:
            if kind.ending_of(path.name):
                return cls(path, kind)
        endings = [ending for kind in OutputKind for ending in kind.endings]
        raise UserError(
            f"The output {path.name} must end in {', '.join(endings[:-1])} or {endings[-1]} (a "
            "folder with one PNG file per plane)."
        )

    @property
    def ending(self) -> str:
        """Ending of the name, e.g. ``".nii.gz"``."""
        return self.kind.ending_of(self.path.name) or self.kind.endings[0]

    @property
    def labels(self) -> Path:
        """The Zarr array that is written during the run."""
        if self.kind is OutputKind.OME_ZARR:
            return self.path / "labels" / LABEL_GROUP / "0"
        if self.kind is OutputKind.ZARR:
            return self.path
        return self.path.with_name(self.path.name + ".zarr")

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
        return self.path if self.kind.is_zarr else self.labels

    def check_free(self, advice: str = "or remove it first") -> None:
        """Raise an error if the output exists.

        Parameters
        ----------
        advice : str
            What the user can do instead of choosing another output.

        Raises
        ------
        UserError
            If the output, its Zarr array or its run folder exists.
        """
        if found := self.existing():
            raise UserError(f"{found[0]} exists: choose another output, {advice}.")

    def check_apart(self, inputs: Iterable[Path]) -> None:
        """Raise an error if writing the output would change an input.

        Parameters
        ----------
        inputs : iterable of Path
            Files and folders that are read.

        Raises
        ------
        UserError
            If the output is an input, contains one or lies in one.
        """
        for written in (self.path, self._zarr_folder, self.run_folder):
            for read in inputs:
                check_outside(written, read)

    def check_removable(self) -> None:
        """Raise an error if something other than an earlier output would be overwritten.

        Raises
        ------
        UserError
            If a file or folder in the place of the output is of another kind.
        """
        for zarr in {self._zarr_folder, self.path} if self.kind.is_zarr else {self._zarr_folder}:
            if zarr.is_file():
                raise UserError(f"{zarr} is a file, not a Zarr folder: remove it first.")
            if zarr.is_dir() and any(zarr.iterdir()) and not _is_zarr(zarr):
                raise UserError(f"{zarr} is a folder that holds no Zarr: remove it first.")
        self.check_type()

    def check_type(self) -> None:
        """Raise an error if a folder is in the place of a file, or another folder in that of PNGs.

        Raises
        ------
        UserError
            If this is so.
        """
        if not self.kind.is_folder and self.path.is_dir():
            raise UserError(f"{self.path} is a folder: remove it first.")
        if self.kind is OutputKind.PNG and self.path.is_file():
            raise UserError(f"{self.path} is a file, not a folder of PNG files: remove it first.")
        if self.kind is OutputKind.PNG and self.path.is_dir():
            others = [file.name for file in self.path.iterdir() if file.suffix != ".png"]
            if others:
                raise UserError(
                    f"{self.path} holds other files than PNG, e.g. {others[0]}: remove it first."
                )

    def check_writable(self) -> None:
        """Raise an error if no file can be created beside the output.

        Raises
        ------
        UserError
            If a parent is a file, or its folder is read-only.
        """
        folder = next(parent for parent in self.path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise UserError(f"{folder} is a file, so {self.path.name} cannot be written in it.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(
                f"{folder} is read-only, so {self.path.name} cannot be written: "
                "choose an output in another folder."
            )

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


def _local(text: str) -> Path:
    """Return the path of an output, which Path may have changed from ``a://b`` to ``a:/b``."""
    if _URL.match(text) and not text.startswith("file:"):
        raise UserError(f"Outputs are files on disk, not URLs: {text}. Choose a local path.")
    return local_path(text)


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).exists() for name in _ZARR_METADATA)


def check_disk(
    output: OutputDestination, geometry: LabelGeometry, frames: int, image_bytes: int = 0
) -> None:
    """Raise an error if the output is unlikely to fit the disk.

    Labels and masks are estimated at a tenth of a byte per pixel; uncompressed NIfTI needs two
    bytes per pixel of the whole stack.

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
    if output.ending == ".nii":
        copies = 2 * prod(geometry.label_shape)
    needed = 2**24 + frames * prod(geometry.shape) // 10 + copies
    folder = next(parent for parent in output.path.resolve().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"The output may take {needed / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free in "
            f"{folder}: make room or choose another disk."
        )


def label_filters() -> dict[str, tuple[str, ...]]:
    """Return the endings of each format of labels, by its filter for a file dialog."""
    return {f"{k.title} ({' '.join(f'*{e}' for e in k.endings)})": k.endings for k in OutputKind}


def with_ending(path: Path, ending: str) -> Path:
    """Return a path that ends in a known ending: ``ending`` is added where there is none."""
    known = any(kind.ending_of(path.name) for kind in OutputKind)
    return path if known else path.with_name(path.name + ending)
