"""Volumes of any type, geometry and file order, written by pydicom and opened as stacks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydicom.valuerep import DSfloat

from napari_sam2.images.stack import open_stack
from tests.helpers.dicom_files import OBLIQUE, Geometry, SeriesWriter, enhanced_volume

DTYPES = (np.uint8, np.int16, np.uint16)
FOLDER = "series"


def decimal(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers that a DICOM decimal string of 16 characters holds exactly."""
    return st.integers(round(low * 1000), round(high * 1000)).map(lambda n: n / 1000)


@st.composite
def geometries(draw: Any) -> Geometry:
    matrix = draw(hnp.arrays(np.float64, (3, 3), elements=st.floats(-1, 1)))
    rows = np.linalg.qr(matrix + 3 * np.eye(3))[0][:, :2].T.ravel()
    orientation = tuple(float(DSfloat(value, auto_format=True)) for value in rows)
    return Geometry(
        orientation=orientation,
        spacing=(draw(decimal(0.1, 5)), draw(decimal(0.1, 5))),
        step=draw(decimal(0.2, 9)),
        corner=tuple(draw(decimal(-500, 500)) for _ in range(3)),
    )


def exact(geometry: Geometry) -> dict[str, Any]:
    """Positions are written as decimal strings of at most 16 characters."""
    return {"atol": 1e-6 * max(1, geometry.step)}


@settings(max_examples=25, deadline=None)
@given(
    pixels=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=3, max_dims=3, min_side=2))
    ),
    geometry=geometries(),
    seed=st.integers(0, 2**16),
)
def test_any_volume_comes_back_at_its_place(
    pixels: np.ndarray, geometry: Geometry, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = SeriesWriter(Path(folder, FOLDER), geometry)
        names = np.random.default_rng(seed).permutation(len(pixels))
        for number, plane in enumerate(pixels):
            tags = {"ImagePositionPatient": [DSfloat(v, True) for v in geometry.position(number)]}
            tags["ImageOrientationPatient"] = [DSfloat(v, True) for v in geometry.orientation]
            writer.slice(plane, number, f"{names[number]}.dcm", **tags)
        stack = open_stack(Path(folder, FOLDER))
        assert stack.axes == "ZYX"
        assert stack.dtype == pixels.dtype
        for frame, plane in enumerate(pixels):
            np.testing.assert_array_equal(stack.read(stack.index(frame))[0], plane)
        assert stack.affine is not None
        np.testing.assert_allclose(stack.affine, geometry.affine, **exact(geometry))
        np.testing.assert_allclose(stack.scale, (geometry.step, *geometry.spacing), rtol=1e-5)


@pytest.mark.parametrize("several_files", [True, False], ids=["slices", "multi-frame"])
@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), OBLIQUE], ids=["axial", "oblique"])
def test_dicom_and_nifti_of_one_volume_lie_at_one_place(
    tmp_path: Path, orientation: tuple[float, ...], several_files: bool
) -> None:
    geometry = Geometry(orientation=tuple(map(float, orientation)))
    pixels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    affine = geometry.affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(pixels.transpose(2, 1, 0), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "a.nii")
    if several_files:
        SeriesWriter(tmp_path / FOLDER, geometry).volume(pixels)
    else:
        (tmp_path / FOLDER).mkdir()
        enhanced_volume(tmp_path / FOLDER / "a.dcm", pixels, geometry)
    dicom, nifti = open_stack(tmp_path / FOLDER), open_stack(tmp_path / "a.nii")
    assert dicom.axes == nifti.axes == "ZYX"
    np.testing.assert_allclose(dicom.scale, nifti.scale, rtol=1e-6)
    assert dicom.units == nifti.units
    np.testing.assert_allclose(dicom.affine, nifti.affine, atol=1e-5)
    for frame in range(4):
        index = dicom.index(frame)
        np.testing.assert_array_equal(dicom.read(index), nifti.read(index))
