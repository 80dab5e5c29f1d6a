from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest
import zarr

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import create_label_output, open_label_output, output_notes
from napari_sam2.export.units import is_length, is_time, size_in
from napari_sam2.images.calibration import SYMBOLS, Calibration
from napari_sam2.images.stack import open_stack
from tests.helpers.label_outputs import ALL_NAMES, NAMES, read, stack_of, write

SHAPES = [
    ((4, 300, 400), "TYX", {}),
    ((4, 2, 30, 40), "TCYX", {}),
    ((5, 30, 40), "ZYX", {"along": "y"}),
    ((3, 5, 30, 40), "TZYX", {"along": "z", "at": {"t": 1}}),
    ((30, 40, 5), "XYZ", {"along": "z"}),
    ((1, 30, 40), "TYX", {}),
    ((4, 30, 40, 3), "TYXS", {}),
]


@pytest.mark.parametrize(("shape", "axes", "options"), SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_labels_have_the_inputs_axes_without_channels(tmp_path, name, shape, axes, options):
    stack, output = stack_of(shape, axes, **options), OutputDestination.parse(tmp_path / name)
    expected = write(output, stack)
    found = read(output)
    assert found.dtype == np.uint16
    assert found.shape == stack.label_shape
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("name", "axes"), [("out.zarr", "xyz"), ("out.ome.zarr", "zyx")])
def test_plain_zarr_has_the_order_of_the_input(tmp_path, name, axes):
    output = OutputDestination.parse(tmp_path / name)
    write(output, stack_of((30, 40, 5), "XYZ"))
    array = zarr.open_array(output.labels, mode="r")
    assert array.metadata.dimension_names == tuple(axes)
    assert array.shape == tuple({"x": 30, "y": 40, "z": 5}[axis] for axis in axes)


def test_empty_chunks_are_not_stored(tmp_path):
    output = OutputDestination.parse(tmp_path / "out.zarr")
    write(output, stack_of())
    array = zarr.open_array(output.path, mode="r")
    assert array.chunks == (1, 300, 400)
    assert array.nchunks_initialized == 3
    assert array.metadata.zarr_format == 3
    assert array.metadata.dimension_names == ("t", "y", "x")


@pytest.mark.parametrize("name", NAMES)
def test_resume_opens_what_was_begun(tmp_path, name):
    stack, output = stack_of(), OutputDestination.parse(tmp_path / name)
    create_label_output(output, stack, [1]).write((2,), Window(0, 0, 2, 2), np.ones((2, 2)))
    labels = open_label_output(output, stack, [1])
    assert labels.read((2,)).sum() == 4
    with pytest.raises(UserError, match="does not fit"):
        open_label_output(output, stack, [70000])
    with pytest.raises(UserError, match="instead of"):
        open_label_output(output, stack_of((5, 30, 40), "TYX"), [1])
    with pytest.raises(UserError, match="no label array"):
        open_label_output(OutputDestination.parse(tmp_path / "other.zarr"), stack, [1])


def _with_units(length, time):
    stack = stack_of((2, 30, 40), "TYX")
    calibration = Calibration.of("TYX", (2, 0.5, 0.5), (time, length, length))
    return replace(stack, source=replace(stack.source, calibration=calibration))


LENGTHS = [name for name in SYMBOLS if is_length(name)]
TIMES = [name for name in SYMBOLS if is_time(name)]
UNITS = list(zip_longest(LENGTHS, TIMES, fillvalue="second"))


@pytest.mark.parametrize("name", ["out.tif", "out.ome.zarr", "out.nii.gz"])
@pytest.mark.parametrize(("length", "time"), UNITS)
def test_all_units_are_kept_or_converted(tmp_path, name, length, time):
    stack, output = _with_units(length, time), OutputDestination.parse(tmp_path / name)
    assert output_notes(output, stack) == ()
    write(output, stack)
    path = output.path / "labels" / "objects" if name.endswith(".zarr") else output.path
    found = open_stack(path).calibration
    for axis, size in {"T": 2, "Y": 0.5, "X": 0.5}.items():
        unit = stack.calibration.step(axis).unit
        assert size_in(found.step(axis), unit) == pytest.approx(size, rel=1e-6)


@pytest.mark.parametrize("name", ALL_NAMES)
def test_units_that_a_format_lacks_are_reported(tmp_path, name):
    output = OutputDestination.parse(tmp_path / name)
    notes = " ".join(output_notes(output, _with_units("cubit", "second")))
    assert ("unit of sizes in cubit" in notes) == (name != "out.zarr")
