"""Units of measurements, of every format that states pixel sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.analysis.measurements.label_planes import LabelPlanes
from napari_sam2.analysis.measurements.measurement import Measurement
from napari_sam2.images.stack import open_stack
from tests.helpers.format_files import INPUTS

# The size of a pixel or voxel and its unit, and the unit of time, as the files are written.
STATED = {
    "ImageJ TIFF": (0.25 * 0.25 * 2.0, "µm³", "s"),
    "OME-TIFF": (0.25 * 0.25 * 2.0, "µm³", "min"),
    "Zarr": (0.25 * 0.25 * 2.0, "µm³", "s"),
    "OME-Zarr 0.4": (0.5 * 0.5 * 2.0, "µm³", "s"),
    "OME-Zarr 0.5": (0.5 * 0.5 * 2.0, "µm³", "s"),
    # The edges of its voxels are not at right angles.
    "NIfTI": (0.5 * (0.4 * 1.9 + 0.6 * 0.3), "mm³", "s"),
    "folder of DICOM": (0.7 * 0.5 * 2.5, "mm³", None),
    "Leica LIF": (0.25 * 0.25 * 2.0, "µm³", "s"),
    "MetaMorph": (0.25 * 0.25, "µm²", "frame"),
    "Nikon ND2": (0.25 * 0.25 * 0.5, "µm³", "s"),
    "Zeiss CZI": (0.25 * 0.25 * 2.0, "µm³", "frame"),
    "folder of images": (0.25 * 0.25, "µm²", "frame"),
    # Their pixels have a size, their planes have no distance.
    "TIFF": (1.0, "voxel", None),
    "PNG": (1.0, "pixel", None),
}


@pytest.mark.filterwarnings("ignore:AttachmentDirectory")
@pytest.mark.parametrize("name", STATED)
def test_sizes_have_the_unit_of_the_file(name: str, tmp_path: Path) -> None:
    [made] = [item for item in INPUTS if item.name == name]
    path = tmp_path / f"image{made.suffix}"
    made.write(path)
    stack = open_stack(path)
    planes = LabelPlanes(stack, lambda index: np.ones(stack.shape, np.uint8))
    measurement = Measurement(planes)
    [row] = measurement.rows_at(0)
    deep = "Z" in stack.label_axes
    pixels = np.prod(stack.label_shape[-3 if deep else -2 :])
    size, unit, time = STATED[name]
    assert row["volume" if deep else "area"] == pytest.approx(size * pixels)
    assert (row["unit"], row.get("time_unit")) == (unit, time)
    assert ("right angles" in measurement.unit.note) == (name == "NIfTI")
