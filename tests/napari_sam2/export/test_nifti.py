from __future__ import annotations

import nibabel
import numpy as np
import pytest

from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import create_label_output, finish_label_output
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import open_stack
from tests.helpers.label_outputs import stack_of, write

OBLIQUE = np.array(
    [[0.0, -0.7, 0.4, 12.5], [0.9, 0.1, 0.2, -30.25], [0.1, 0.3, 2.4, 7.0], [0, 0, 0, 1]]
)


def _input(path, shape, header_class, units=("mm", "sec"), endianness="<"):
    pixels = np.random.default_rng(0).integers(0, 900, shape).astype(np.int16)
    header = header_class(endianness=endianness)
    header.set_data_dtype(np.int16)
    kind = nibabel.Nifti2Image if header_class is nibabel.Nifti2Header else nibabel.Nifti1Image
    image = kind(pixels, OBLIQUE, header)
    image.set_sform(OBLIQUE, 1)
    image.set_qform(OBLIQUE, 3, strip_shears=True)
    image.header.set_xyzt_units(*units)
    nibabel.save(image, path)
    return nibabel.load(path)


@pytest.mark.parametrize("name", ["out.nii", "out.nii.gz"])
@pytest.mark.parametrize("shape", [(7, 9, 5), (7, 9, 5, 1), (7, 9, 3, 4), (8, 6)])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Header, nibabel.Nifti2Header])
def test_labels_of_nifti_have_its_shape_and_header(tmp_path, name, shape, kind):
    given = _input(tmp_path / "in.nii.gz", shape, kind, ("micron", "msec"), ">")
    stack = open_stack(tmp_path / "in.nii.gz")
    output = OutputDestination.parse(tmp_path / name)
    labels = create_label_output(output, stack, [70000])
    values = np.random.default_rng(1).integers(0, 70001, shape).astype(np.uint32)
    labels.array[...] = values.T
    finish_label_output(output, stack, labels, [70000], "Labels by micro")
    found = nibabel.load(output.path)
    np.testing.assert_array_equal(np.asarray(found.dataobj), values)
    np.testing.assert_array_equal(found.affine, given.affine)
    assert type(found) is type(given)
    for form in ("qform", "sform"):
        ours, theirs = (
            getattr(image.header, f"get_{form}")(coded=True) for image in (found, given)
        )
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1] == theirs[1]
    assert found.header.get_xyzt_units() == ("micron", "msec")
    assert found.header.get_zooms() == given.header.get_zooms()
    assert found.header.get_intent()[0] == "label"
    assert bytes(found.header["descrip"]).startswith(b"Labels by micro")


def test_labels_of_other_inputs_have_sizes_and_origin(tmp_path):
    stack = stack_of((3, 4, 30, 40), "TZYX")
    units = ("minute", "nanometer", "nanometer", "nanometer")
    calibration = Calibration.of("TZYX", (5, 2000, 500, 250), units, origin=(2, 100, 0, -700))
    from dataclasses import replace

    stack = replace(stack, source=replace(stack.source, calibration=calibration))
    output = OutputDestination.parse(tmp_path / "out.nii")
    expected = write(output, stack)
    found = nibabel.load(output.path)
    np.testing.assert_array_equal(np.asarray(found.dataobj), expected.T)
    np.testing.assert_allclose(np.diag(found.affine), (0.25, 0.5, 2, 1))
    np.testing.assert_allclose(found.affine[:3, 3], (-0.7, 0, 0.1), rtol=1e-6)
    assert found.header.get_xyzt_units() == ("micron", "sec")
    assert found.header.get_zooms()[3] == 300
    assert found.header["toffset"] == 120


def test_frames_of_a_movie_are_the_fourth_axis(tmp_path):
    output = OutputDestination.parse(tmp_path / "out.nii.gz")
    expected = write(output, stack_of((4, 30, 40), "TYX"))
    found = np.asarray(nibabel.load(output.path).dataobj)
    assert found.shape == (40, 30, 1, 4)
    np.testing.assert_array_equal(found[:, :, 0].T, expected)


def test_equal_labels_give_equal_files(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        write(OutputDestination.parse(tmp_path / name), stack_of((4, 30, 40), "ZYX"))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
