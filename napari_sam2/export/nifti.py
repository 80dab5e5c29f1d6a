"""Writing of a label array as a NIfTI file, with the header of a NIfTI input.

The format is described in https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.export.units import conversion, is_length, is_time
from napari_sam2.images.calibration import SPATIAL, AxisStep, Calibration
from napari_sam2.images.readers.recognition import FileKind, recognize
from napari_sam2.images.readers.transposed import transposed

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

_UNITS = {"micrometer": "micron", "millimeter": "mm", "meter": "meter"}
"""NIfTI units of space, by full name."""
_TIMES = {"second": "sec", "millisecond": "msec", "microsecond": "usec"}
_NEAREST = dict.fromkeys(("picometer", "angstrom", "nanometer"), "micrometer")
_NEAREST |= dict.fromkeys(("centimeter", "inch"), "millimeter")
"""Units that are written in place of those that NIfTI lacks."""
_SCANNER, _ALIGNED = 1, 2
"""Codes of the coordinate systems of a scanner and of another file."""
_LONGEST = 32767
"""Longest axis that NIfTI-1 can store; longer ones need NIfTI-2."""


def write_label_nifti(path: Path, stack: Stack, labels: Any, note: str = "") -> None:
    """Write labels as NIfTI-1, or NIfTI-2 for long axes; gzip-compressed if it ends in .gz.

    Labels of a NIfTI input have its shape (without channels), order of axes, affines, codes and
    units. Those of other inputs have axes X, Y, Z, T and the affine of the input if it states one,
    else one made of pixel sizes and origin. The file appears when it is complete.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.
    stack : Stack
        The image.
    labels : zarr.Array or numpy.ndarray
        The labels with axes in the order T, Z, Y, X; one plane is held in memory.
    note : str
        Text of the header field ``descrip``, of which 79 bytes are kept.
    """
    template = _input_header(stack)
    axes = stack.native_label_axes if template is not None else _file_axes(stack.label_axes)
    shape = tuple(
        labels.shape[stack.label_axes.index(a)] if a in stack.label_axes else 1 for a in axes
    )
    header = _header(template, stack.calibration, axes, shape)
    sizes = header["pixdim"].copy()
    header.set_data_shape(shape)
    header["pixdim"] = sizes  # set_data_shape resets those beyond the shape, which qform uses.
    header.set_data_dtype(labels.dtype.newbyteorder("<"))
    header["descrip"] = note.encode("ascii", "replace")[:79]
    header["magic"] = header.single_magic
    offset = len(header.binaryblock) + 4
    header["vox_offset"] = offset
    stored = [axis for axis in reversed(axes) if axis in stack.label_axes]
    planes = _planes(transposed(labels, stack.label_axes, "".join(stored)))
    with atomic_write(path) as temporary, temporary.open("wb") as raw:
        if not path.name.lower().endswith(".gz"):
            _write(raw, header, planes)
            return
        # A fixed name and time give the same bytes for the same labels.
        with gzip.GzipFile("", "wb", 6, raw, mtime=0) as compressed:
            _write(compressed, header, planes)


def _write(file: Any, header: Any, planes: Iterator[NDArray[Any]]) -> None:
    file.write(header.binaryblock + bytes(4))
    for plane in planes:
        file.write(plane.tobytes())


def _planes(labels: Any) -> Iterator[NDArray[Any]]:
    """Yield planes so that their bytes are those of the file, whose first axis varies fastest."""
    little = labels.dtype.newbyteorder("<")
    for lead in np.ndindex(*labels.shape[:-2]):
        yield np.ascontiguousarray(labels[(*lead, slice(None), slice(None))], little)


def _file_axes(label_axes: str) -> str:
    """Return X, Y, Z and, if there is time, T; a missing Z has length 1 before T."""
    return "XYZT" if "T" in label_axes else "XYZ" if "Z" in label_axes else "XY"


def _input_header(stack: Stack) -> Any:
    """Return a copy of the header of a NIfTI input, None for other inputs."""
    files = stack.source.files
    if not files or not files[0].is_file() or recognize(files[0])[0] is not FileKind.NIFTI:
        return None
    header: Any = nibabel.load(files[0]).header
    if not isinstance(header, nibabel.Nifti1Header):
        return None
    second = isinstance(header, nibabel.Nifti2Header)
    kind: Any = nibabel.Nifti2Header if second else nibabel.Nifti1Header
    copied: Any = kind(header.binaryblock, header.endianness, check=False).as_byteswapped("<")
    copied["intent_code"] = nibabel.nifti1.intent_codes["label"]
    copied["intent_p1"] = copied["intent_p2"] = copied["intent_p3"] = 0
    copied["cal_min"] = copied["cal_max"] = 0
    copied["scl_slope"], copied["scl_inter"] = 1, 0
    return copied


def _header(template: Any, calibration: Calibration, axes: str, shape: tuple[int, ...]) -> Any:
    if template is not None:
        return template
    kind: Any = nibabel.Nifti2Header if max(shape) > _LONGEST else nibabel.Nifti1Header
    header = kind(endianness="<")
    header.set_data_shape(shape)
    header.set_intent("label")
    unit, affine = _affine(calibration)
    code = _ALIGNED if calibration.affine is None else _SCANNER
    header.set_qform(affine, code, strip_shears=True)
    header.set_sform(affine, code)
    interval, start, time = _interval(calibration.step("T"))
    header.set_xyzt_units(_UNITS.get(unit, "unknown"), time if "T" in axes else "unknown")
    if "T" in axes:
        header.set_zooms((*header.get_zooms()[:3], interval))
        header["toffset"] = start
    header["scl_slope"], header["scl_inter"] = 1, 0
    return header


def _affine(calibration: Calibration) -> tuple[str, NDArray[np.float64]]:
    """Return the unit of the world and the affine from indices (x, y, z) to it."""
    units = [calibration.step(axis).unit for axis in "XYZ" if axis in calibration.steps]
    unit = next((unit for unit in units if is_length(unit)), "pixel")
    wanted = _NEAREST.get(unit, unit)
    stated = calibration.affine_from("XYZ")
    if stated is not None:
        factor = conversion(unit, wanted) or 1.0
        return wanted, np.diag([factor, factor, factor, 1.0]) @ stated
    affine = np.eye(4)
    for row, axis in enumerate(reversed(SPATIAL)):
        step = calibration.step(axis)
        factor = conversion(step.unit, wanted) or 1.0
        affine[row, row], affine[row, 3] = step.size * factor, step.origin * factor
    return wanted, affine


def _interval(step: AxisStep) -> tuple[float, float, str]:
    """Return the frame interval, the time of the first frame, and their NIfTI unit."""
    if step.unit in _TIMES or not is_time(step.unit):
        return step.size, step.origin, _TIMES.get(step.unit, "unknown")
    factor = conversion(step.unit, "second") or 1.0
    return step.size * factor, step.origin * factor, "sec"
