"""NIfTI volumes and series: plain files are memory-mapped, compressed ones unpacked once."""

from __future__ import annotations

import gzip
import shutil
import struct
import tempfile
import threading
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import PIXEL, AxisStep, Calibration
from napari_sam2.images.readers.base import Key, Source

_AXES = {2: "XY", 3: "XYZ", 4: "XYZT", 5: "XYZTC"}
_UNITS = {"mm": "millimeter", "micron": "micrometer", "meter": "meter"}
_UNITS |= {"sec": "second", "msec": "millisecond", "usec": "microsecond"}
_IN_MEMORY = 512 << 20
"""Largest size in bytes of a compressed volume that is unpacked to memory."""
_SAME_SIZE = 1e-3
"""Relative difference up to which voxel sizes are the same."""


class NiftiArray:
    """Voxels of a NIfTI file in nibabel's index order, with slope and intercept applied.

    Parameters
    ----------
    proxy : nibabel ArrayProxy
        The voxels of an opened image.
    path : Path
        The file of the voxels.
    """

    chunks = None

    def __init__(self, proxy: Any, path: Path) -> None:
        self._proxy = proxy
        self._path = path
        self._raw: NDArray[Any] | None = None
        self._lock = threading.Lock()
        self.shape = tuple(int(n) for n in proxy.shape)
        self._slope, self._inter = float(proxy.slope), float(proxy.inter)
        self._scaled = (self._slope, self._inter) != (1.0, 0.0)
        self.dtype = np.dtype(np.float32) if self._scaled else np.dtype(proxy.dtype)

    @property
    def raw_bytes(self) -> int:
        """Size of the unpacked voxels in bytes."""
        return int(np.prod(self.shape)) * int(self._proxy.dtype.itemsize)

    @property
    def end(self) -> int:
        """End of the voxels in the unpacked file, in bytes."""
        return int(self._proxy.offset) + self.raw_bytes

    def __getitem__(self, key: Key) -> NDArray[Any]:
        part = np.asarray(self._voxels()[key])
        if not self._scaled:
            return part
        return (part * self._slope + self._inter).astype(np.float32)

    def _voxels(self) -> NDArray[Any]:
        with self._lock:
            if self._raw is None:
                large = self._path.suffix == ".gz" and self.raw_bytes > _IN_MEMORY
                self._raw = self._unpack_to_disk() if large else self._proxy.get_unscaled()
            return self._raw

    def _unpack_to_disk(self) -> NDArray[Any]:
        """Unpack to an unnamed temporary file, which is deleted with this array."""
        if shutil.disk_usage(tempfile.gettempdir()).free < self.end:
            raise UserError(
                f"{self._path.name} unpacks to {self.end >> 20} MiB, but {tempfile.gettempdir()} "
                "has less free space. Unpack it (gunzip -k) and open the .nii file."
            )
        with tempfile.TemporaryFile() as file, gzip.open(self._path) as compressed:
            shutil.copyfileobj(compressed, file, 1 << 20)
            return np.memmap(
                file,
                dtype=self._proxy.dtype,
                mode="r",
                offset=int(self._proxy.offset),
                shape=self.shape,
                order="F",
            )


def read_nifti(path: Path) -> Source:
    """Open a NIfTI or Analyze file, with axes XYZ(T)(C) in the order of the file.

    Sizes are those of the header; the affine is the one that nibabel chooses: sform, else qform
    (https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields).

    Parameters
    ----------
    path : Path
        A ``.nii``, ``.nii.gz``, ``.hdr`` or ``.img`` file.

    Raises
    ------
    UserError
        If nibabel is not installed, or the file is damaged, truncated or holds no plain numbers.
    """
    try:
        import nibabel
    except ImportError as error:
        raise UserError("Reading NIfTI needs nibabel. Install it: pip install nibabel") from error
    try:
        image: Any = nibabel.load(path)
    except Exception as error:
        raise UserError(f"Cannot open {path.name} as NIfTI: {error}.") from error
    if not 2 <= len(image.shape) <= 5:
        raise UserError(
            f"{path.name} has {len(image.shape)} dimensions (shape {image.shape}); a stack has 2 "
            "to 5. Remove axes of length 1, or save a part of it."
        )
    if image.dataobj.dtype.fields:
        raise UserError(
            f"{path.name} holds colors ({image.dataobj.dtype}). Save the colors as channels, in "
            "the fifth dimension, or as gray values."
        )
    array = NiftiArray(image.dataobj, Path(image.dataobj.file_like))
    axes = _AXES[len(array.shape)]
    notes = _check(array, Path(image.dataobj.file_like)) + _size_notes(image, axes, path.name)
    return Source((array,), path.name, axes, _calibration(image, axes), (path,), notes)


def _check(array: NiftiArray, path: Path) -> tuple[str, ...]:
    if path.suffix != ".gz":
        if path.stat().st_size < array.end:
            raise UserError(
                f"{path.name} is truncated: its header states {array.end} bytes, but it has "
                f"{path.stat().st_size}. Copy or download it again."
            )
        return ()
    if not _size_agrees(path, array.end):
        _check_unpacking(array, path)
    place = "memory" if array.raw_bytes <= _IN_MEMORY else "a temporary file"
    return (
        f"{path.name} is compressed: it is unpacked whole ({_mebibytes(array.raw_bytes)}) to "
        f"{place} at the first read.",
    )


def _size_notes(image: Any, axes: str, name: str) -> tuple[str, ...]:
    """Return a note if the header states sizes that are not positive, which nibabel replaces."""
    holder = image.file_map.get("header", image.file_map["image"])
    with holder.get_prepare_fileobj("rb") as file:
        header = type(image.header).from_fileobj(file, check=False)
    spatial = [axis for axis in axes if axis in "XYZ"]
    stated = dict(zip(spatial, map(float, header["pixdim"][1:]), strict=False))
    used = dict(zip(axes, map(float, image.header.get_zooms()), strict=False))
    wrong = [axis for axis, size in stated.items() if not size > 0]
    if not wrong:
        return _affine_notes(image, axes, name)
    listed = ", ".join(f"{a.lower()} {stated[a]:g} (read as {used[a]:g})" for a in wrong)
    return (f"The header of {name} states voxel sizes that are not positive: {listed}.",)


def _affine_notes(image: Any, axes: str, name: str) -> tuple[str, ...]:
    """Return a note if the voxel sizes of the affine are not those of the header."""
    lengths = np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0)
    sizes = zip(axes, image.header.get_zooms(), lengths, image.shape, strict=False)
    differ = [
        f"{axis.lower()} {size:g} and {length:g}"
        for axis, size, length, count in sizes
        if axis in "XYZ" and count > 1 and not isclose(size, length, rel_tol=_SAME_SIZE)
    ]
    if not differ:
        return ()
    return (
        f"The voxel sizes of {name} in its header and in its affine differ ({', '.join(differ)}): "
        "those of the header are used as sizes, and the affine as position and orientation.",
    )


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.3g} MiB"


def _size_agrees(path: Path, end: int) -> bool:
    """Return whether the size in the gzip trailer (RFC 1952) matches the NIfTI header."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        (size,) = struct.unpack("<I", file.read(4))
    return bool(size >= end % 2**32 and size - end % 2**32 < 1 << 20)


def _check_unpacking(array: NiftiArray, path: Path) -> None:
    try:
        array[(0,) * len(array.shape)]
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path.name} is truncated or damaged: {error}.") from error


def _calibration(image: Any, axes: str) -> Calibration:
    import nibabel

    space, time = getattr(image.header, "get_xyzt_units", lambda: ("unknown", "unknown"))()
    units = dict.fromkeys("XYZ", _UNITS.get(space, PIXEL)) | {"T": _UNITS.get(time, PIXEL)}
    steps = {
        axis: AxisStep(float(zoom), units.get(axis, PIXEL))
        for axis, zoom in zip(axes, image.header.get_zooms(), strict=False)
        if zoom > 0
    }
    if "T" in steps and isinstance(image.header, nibabel.Nifti1Header):
        interval = steps["T"]
        steps["T"] = AxisStep(interval.size, interval.unit, float(image.header["toffset"]))
    return Calibration(steps, np.asarray(image.affine, np.float64)[:, [2, 1, 0, 3]])
