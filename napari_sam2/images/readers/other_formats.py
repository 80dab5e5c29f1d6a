"""Formats that are not read, and what to do with their files."""

from __future__ import annotations

from pathlib import Path

_TO_NIFTI = "Convert it to NIfTI (.nii.gz), e.g. with 3D Slicer or SimpleITK."
_TO_ARRAY = (
    "Open the array with h5py and give it to napari_sam2.segment, or convert it to OME-Zarr."
)
_TO_PICTURE = "Save it as PNG or TIFF."
_UNPACK = "Unpack it first."
_TO_LABELS = "Save the outlines as a label image."
_TO_CSV = "Save the table as CSV (UTF-8)."
_ADVICE = {
    **dict.fromkeys((".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh", ".mnc"), _TO_NIFTI),
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".mat", ".nc"), _TO_ARRAY),
    **dict.fromkeys((".jxl", ".heic", ".heif", ".exr", ".psd", ".svg", ".pdf"), _TO_PICTURE),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".rar", ".7z"), _UNPACK),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), _TO_CSV),
    ".npz": "Save one of its arrays as .npy.",
    ".roi": _TO_LABELS,
}
"""What to do with a file, by its suffix."""


def conversion_advice(path: Path) -> str | None:
    """Return what to do with a file of a format that no reader knows, None if it may have one."""
    return _ADVICE.get(path.suffix.lower())
