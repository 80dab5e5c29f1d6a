"""Measurements in the units of each input format that states pixel sizes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_sam2.images.stack import open_stack
from napari_sam2.workflows.measurements.job import MeasurementJob
from napari_sam2.workflows.measurements.measure import measure_labels
from tests.helpers.format_files import INPUTS, InputFormat

_PLANE = 4 * 10
"""Pixels of the object on each plane."""
_SHEARED = 0.5 * (0.4 * 1.9 + 0.6 * 0.3)
# Size of a pixel or voxel that each file states, and its unit.
STATED = {
    "ImageJ TIFF": (0.25 * 0.25 * 2, "µm³"),
    "OME-TIFF": (0.25 * 0.25 * 2, "µm³"),
    "set of TIFF": (0.25 * 0.25 * 2, "µm³"),
    "Zarr": (0.25 * 0.25 * 2, "µm³"),
    "OME-Zarr 0.4": (0.5 * 0.5 * 2, "µm³"),
    "OME-Zarr 0.5": (0.5 * 0.5 * 2, "µm³"),
    "NIfTI": (_SHEARED, "mm³"),
    "compressed NIfTI": (_SHEARED, "mm³"),
    "folder of DICOM": (0.7 * 0.5 * 2.5, "mm³"),
    "Leica LIF": (0.25 * 0.25 * 2, "µm³"),
    "MetaMorph": (0.25 * 0.25, "µm²"),
    "Nikon ND2": (0.25 * 0.25 * 0.5, "µm³"),
    "Zeiss CZI": (0.25 * 0.25 * 2, "µm³"),
    "folder of images": (0.25 * 0.25, "µm²"),
}
# This file has slices of unknown distance; the other formats state no sizes.
UNSTATED = {"TIFF": "voxel"} | dict.fromkeys(
    ("PNG", "JPEG", "MP4", "Matroska", "GIF", "NumPy"), "pixel"
)


def test_all_formats_are_here() -> None:
    assert {f.name for f in INPUTS} == STATED.keys() | UNSTATED.keys()


@pytest.mark.parametrize("file_format", INPUTS, ids=lambda f: f.name)
def test_sizes_are_those_of_the_image(tmp_path: Path, file_format: InputFormat) -> None:
    image = tmp_path / f"image{file_format.suffix}"
    file_format.write(image)
    stack = open_stack(image)
    labels = np.zeros(stack.label_shape, np.uint8)
    labels[..., 4:8, 6:16] = 1
    np.save(tmp_path / "labels.npy", labels)
    output = tmp_path / "table.csv"
    measure_labels(
        MeasurementJob(
            labels=tmp_path / "labels.npy", image=image, axes=stack.label_axes, output=output
        )
    )
    size, unit = STATED.get(file_format.name) or (1.0, UNSTATED[file_format.name])
    depth = dict(zip(stack.label_axes, stack.label_shape, strict=True)).get("Z", 1)
    for row in pd.read_csv(output).to_dict("records"):
        assert row["unit"] == unit
        found = row.get("volume", row.get("area"))
        assert math.isclose(found, depth * _PLANE * size, rel_tol=1e-6)
