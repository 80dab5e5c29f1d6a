"""NIfTI: order, units, scaling, compressed and damaged files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.readers import nifti
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

nibabel = pytest.importorskip("nibabel")


def save(path, array, slope=None):
    image = nibabel.Nifti1Image(array, np.diag([0.5, 0.75, 2.0, 1.0]))
    image.header.set_xyzt_units("mm", "sec")
    if slope:
        image.header.set_slope_inter(*slope)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32"])
def test_planes_are_rows_of_y_and_columns_of_x(tmp_path, name, dtype):
    array = noise((6, 7, 5), dtype)
    stack = open_stack(save(tmp_path / name, array))
    assert (stack.axes, stack.along, stack.plane) == ("ZYX", "z", ("y", "x"))
    assert (stack.shape, stack.label_shape) == ((7, 6), (5, 7, 6))
    assert (stack.native_axes, stack.native_label_axes) == ("XYZ", "XYZ")
    assert stack.scale == (2.0, 0.75, 0.5)
    assert stack.units == ("millimeter",) * 3
    np.testing.assert_array_equal(stack.affine @ (1, 2, 3, 1), (1.5, 1.5, 2, 1))
    np.testing.assert_array_equal(stack.calibration.affine_from("XYZ"), np.diag([0.5, 0.75, 2, 1]))
    plane = stack.read((3,), Window(1, 2, 5, 6))[0]
    np.testing.assert_array_equal(plane, array[2:6, 1:5, 3].T)
    assert plane.dtype == dtype


def test_a_note_states_that_a_compressed_file_is_unpacked(tmp_path):
    stack = open_stack(save(tmp_path / "a.nii.gz", noise((6, 7, 5), "int16")))
    assert any("unpacked whole" in note for note in stack.notes)
    assert not open_stack(save(tmp_path / "b.nii", noise((6, 7, 5), "int16"))).notes


def test_large_compressed_files_go_to_a_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(nifti, "_IN_MEMORY", 10)
    array = noise((6, 7, 5), "int16")
    stack = open_stack(save(tmp_path / "a.nii.gz", array))
    assert any("temporary file" in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read((4,))[0], array[:, :, 4].T)
    assert isinstance(nifti.read_nifti(tmp_path / "a.nii.gz").levels[0]._voxels(), np.memmap)


def test_no_room_for_a_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(nifti, "_IN_MEMORY", 10)
    stack = open_stack(save(tmp_path / "a.nii.gz", noise((6, 7, 5), "int16")))
    full = type("Usage", (), {"free": 0})
    monkeypatch.setattr(nifti.shutil, "disk_usage", lambda _: full)
    with pytest.raises(UserError, match="gunzip -k"):
        stack.read((0,))


def test_slope_and_intercept_are_applied(tmp_path):
    raw = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    image = nibabel.Nifti1Image(raw, np.eye(4))
    image.header.set_slope_inter(2.0, -1024.0)
    nibabel.save(image, tmp_path / "a.nii")
    expected = nibabel.load(tmp_path / "a.nii").get_fdata()
    stack = open_stack(tmp_path / "a.nii")
    assert stack.dtype == np.float32
    np.testing.assert_allclose(stack.read((3,))[0], expected[:, :, 3].T)


def test_series_and_given_axes(tmp_path):
    array = noise((4, 5, 6, 3), "int16")
    stack = open_stack(save(tmp_path / "a.nii", array), at={"z": 2})
    assert (stack.axes, stack.along, stack.index(1)) == ("TZYX", "t", (1, 2))
    np.testing.assert_array_equal(stack.read((1, 2))[0], array[:, :, 2, 1].T)
    given = open_stack(save(tmp_path / "b.nii", noise((4, 5, 6), "int16")), axes="ZYX")
    assert (given.n_frames, given.shape) == (4, (5, 6))
    assert given.scale == (0.5, 0.75, 2.0)
    np.testing.assert_array_equal(given.affine, np.diag([0.5, 0.75, 2.0, 1.0]))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 3)])
def test_an_oblique_affine_is_kept_exactly(tmp_path, shape):
    affine = np.eye(4)
    affine[:3] = np.random.default_rng(1).normal(size=(3, 4))
    image = nibabel.Nifti1Image(noise(shape, "int16"), affine)
    nibabel.save(image, tmp_path / "a.nii")
    stack = open_stack(tmp_path / "a.nii")
    stored = nibabel.load(tmp_path / "a.nii").affine
    np.testing.assert_array_equal(stack.calibration.affine_from("XYZ"), stored)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("part", [0.05, 0.6, 0.99])
def test_cut_off_files_are_refused_at_once(tmp_path, name, part):
    path = save(tmp_path / name, noise((20, 20, 20), "int16"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(UserError, match=r"truncated|damaged|Cannot open"):
        open_stack(path)


def test_files_that_are_no_nifti(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"x" * 500)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"x" * 500))
    for name in ("a.nii", "a.nii.gz"):
        with pytest.raises(UserError, match="Cannot open"):
            open_stack(tmp_path / name)


def test_color_volumes_are_refused(tmp_path):
    rgb = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(UserError, match="holds colors"):
        open_stack(tmp_path / "a.nii")


DTYPES = ("uint8", "int16", "uint16", "int32", "float32", "float64")


@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=5).map(tuple),
    dtype=st.sampled_from(DTYPES),
    units=st.sampled_from([("mm", "sec"), ("micron", "msec"), ("meter", "usec"), (None, None)]),
    zooms=st.lists(st.floats(0.125, 8, width=32), min_size=5, max_size=5),
    seed=st.integers(0, 10**6),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_what_nibabel_writes_is_read_back(tmp_path, shape, dtype, units, zooms, seed):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = rotation * zooms[:3]
    affine[:3, 3] = rng.normal(size=3) * 100
    array = noise(shape, dtype, seed)
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(*units)
    image.header.set_zooms(zooms[: len(shape)])
    image.set_sform(affine)
    nibabel.save(image, tmp_path / "a.nii")
    stored = nibabel.load(tmp_path / "a.nii")

    stack = open_stack(tmp_path / "a.nii")
    assert stack.native_axes == "XYZTC"[: len(shape)]
    assert stack.axes == "".join(a for a in "TCZYX" if a in stack.native_axes)
    order = [stack.native_axes.index(axis) for axis in stack.axes]
    whole = stack.source.levels[0][(slice(None),) * len(shape)]
    np.testing.assert_array_equal(whole, np.asarray(stored.dataobj).transpose(order))
    np.testing.assert_array_equal(stack.calibration.affine_from("XYZ"), stored.affine)
    steps = dict(zip(stack.native_axes, stored.header.get_zooms(), strict=True))
    assert stack.scale == tuple(float(steps[axis]) for axis in stack.label_axes)
    names = {"mm": "millimeter", "micron": "micrometer", "meter": "meter", None: "pixel"}
    names |= {"sec": "second", "msec": "millisecond", "usec": "microsecond"}
    expected = tuple(names[units[int(axis == "T")]] for axis in stack.label_axes)
    assert stack.units == expected


def test_colors_and_many_dimensions_are_refused(tmp_path):
    colors = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colors, np.eye(4)), tmp_path / "rgb.nii")
    with pytest.raises(UserError, match="Save the colors as channels"):
        open_stack(tmp_path / "rgb.nii")
    many = np.zeros((2, 2, 2, 2, 2, 2), np.uint8)
    nibabel.save(nibabel.Nifti1Image(many, np.eye(4)), tmp_path / "six.nii")
    with pytest.raises(UserError, match="has 6 dimensions"):
        open_stack(tmp_path / "six.nii")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img"])
def test_sizes_that_are_not_positive_are_reported(tmp_path, name):
    kind = nibabel.Nifti1Pair if name.endswith(".img") else nibabel.Nifti1Image
    image = kind(noise((8, 7, 3), "int16"), None)
    image.header["pixdim"][1:4] = [0, -1.5, 2]
    nibabel.save(image, tmp_path / name)
    stack = open_stack(tmp_path / name)
    assert stack.scale == (2.0, 1.5, 1.0)
    (note,) = (note for note in stack.notes if "voxel sizes" in note)
    assert "x 0 (read as 1), y -1.5 (read as 1.5)" in note


def test_the_time_of_the_first_volume_is_the_origin(tmp_path):
    image = nibabel.Nifti1Image(noise((8, 7, 3, 4), "int16"), np.eye(4))
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4], image.header["toffset"] = 1500, 300
    nibabel.save(image, tmp_path / "a.nii")
    step = open_stack(tmp_path / "a.nii").calibration.step("T")
    assert (step.size, step.unit, step.origin) == (1500, "millisecond", 300)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_sizes_that_differ_from_the_affine_are_reported(tmp_path, name):
    image = nibabel.Nifti1Image(noise((8, 7, 3), "int16"), np.diag([0.5, 0.5, 2, 1]))
    image.header["pixdim"][3] = 7
    nibabel.save(image, tmp_path / name)
    stack = open_stack(tmp_path / name)
    assert stack.scale == (7.0, 0.5, 0.5)
    (note,) = (note for note in stack.notes if "voxel sizes" in note)
    assert "(z 7 and 2)" in note
