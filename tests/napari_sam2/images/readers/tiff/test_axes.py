"""Samples and last axes that are channels, and what is written is what is read."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.images.axes import canonical
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

LENGTHS = {"T": 3, "C": 2, "Z": 4, "Y": 17, "X": 19}
UNITS = {"µm": "micrometer", "nm": "nanometer", "mm": "millimeter"}
STRICT = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("samples", [2, 4, 7])
def test_samples_without_color_are_channels(tmp_path, samples):
    array = noise((32, 40, samples), "uint8")
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    stack = open_stack(tmp_path / "a.tif")
    assert (stack.axes, stack.n_channels, stack.rgb) == ("CYX", samples, False)
    assert any(f"{samples} samples" in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read(()), array.transpose(2, 0, 1))


def test_transparency_is_pointed_out(tmp_path):
    options = {
        "photometric": "minisblack",
        "planarconfig": "contig",
        "extrasamples": ["unassalpha"],
    }
    tifffile.imwrite(tmp_path / "a.tif", noise((32, 40, 2), "uint8"), **options)
    notes = open_stack(tmp_path / "a.tif").notes
    assert any("transparency: select the others with --channel N" in note for note in notes)
    tifffile.imwrite(tmp_path / "c.tif", noise((32, 40, 4), "uint8"), photometric="rgb")
    stack = open_stack(tmp_path / "c.tif")
    assert (stack.axes, stack.rgb, stack.n_channels) == ("YXS", True, 3)
    assert any("fourth sample of the pixels is transparency" in note for note in stack.notes)


def test_a_fourth_color_sample_without_meaning_is_pointed_out(tmp_path):
    options = {"photometric": "rgb", "extrasamples": ["unspecified"]}
    tifffile.imwrite(tmp_path / "a.tif", noise((32, 40, 4), "uint8"), **options)
    stack = open_stack(tmp_path / "a.tif")
    assert any("4 samples" in note and "--axes YXC" in note for note in stack.notes)
    assert open_stack(tmp_path / "a.tif", axes="YXC").n_channels == 4
    assert open_stack(tmp_path / "a.tif", channels=(3,)).n_channels == 1


def test_pages_of_two_columns_are_channels_stored_last(tmp_path):
    array = noise((64, 48, 2))
    tifffile.imwrite(tmp_path / "a.tif", array)
    stack = open_stack(tmp_path / "a.tif")
    assert (stack.axes, stack.shape, stack.n_channels) == ("CYX", (64, 48), 2)
    assert any("is read as YXC" in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read(()), array.transpose(2, 0, 1))
    assert open_stack(tmp_path / "a.tif", axes="TYX").shape == (48, 2)


def test_pages_of_planar_color(tmp_path):
    array = noise((3, 32, 40), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", planarconfig="separate")
    stack = open_stack(tmp_path / "a.tif")
    assert (stack.axes, stack.rgb) == ("YXS", True)
    np.testing.assert_array_equal(stack.read(()), array)


def _orders(letters):
    """Return a strategy of axes that end in Y, X, with some of the letters before, in any order."""
    subsets = st.lists(st.sampled_from(letters), unique=True, min_size=0, max_size=3)
    return subsets.map(lambda first: "".join(first) + "YX")


def _check(stack, axes, array):
    wanted = canonical(axes)
    assert (stack.axes, stack.dtype) == (wanted, array.dtype)
    found = stack.source.levels[0][(slice(None),) * array.ndim]
    np.testing.assert_array_equal(found, array.transpose([axes.index(a) for a in wanted]))


def _check_steps(stack, wanted):
    """Check size and unit of the axes that the stack has."""
    for axis in set(stack.axes) & set(wanted):
        step = stack.calibration.step(axis)
        assert (step.size, step.unit) == (pytest.approx(wanted[axis][0]), wanted[axis][1])


@STRICT
@given(
    axes=_orders("TCZ"),
    dtype=st.sampled_from(["uint8", "int16", "uint16", "float32"]),
    sizes=st.tuples(*[st.floats(0.001, 1000)] * 3),
    unit=st.sampled_from(sorted(UNITS)),
    interval=st.floats(0.01, 1000),
    tile=st.sampled_from([None, (16, 16)]),
    compression=st.sampled_from([None, "zlib"]),
)
def test_ome_tiff_is_read_as_written(
    tmp_path, axes, dtype, sizes, unit, interval, tile, compression
):
    array = noise(tuple(LENGTHS[a] for a in axes)).astype(dtype)
    metadata = {"axes": axes, "TimeIncrement": interval, "TimeIncrementUnit": "min"}
    for axis, size in zip("XYZ", sizes, strict=True):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        array,
        photometric="minisblack",
        metadata=metadata,
        tile=tile,
        compression=compression,
    )
    stack = open_stack(tmp_path / "a.ome.tif")
    _check(stack, axes, array)
    _check_steps(
        stack,
        {axis: (size, UNITS[unit]) for axis, size in zip("XYZ", sizes, strict=True)}
        | {"T": (interval, "minute")},
    )


@STRICT
@given(
    first=st.sampled_from(["", "T", "Z", "C", "TZ", "TC", "ZC", "TZC"]),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    per_unit=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    spacing=st.floats(0.01, 50),
    interval=st.floats(0.1, 100),
    tunit=st.sampled_from([("sec", "second"), ("min", "minute"), ("ms", "millisecond")]),
)
def test_imagej_is_read_as_written(tmp_path, first, dtype, per_unit, spacing, interval, tunit):
    axes = f"{first}YX"
    array = noise(tuple(LENGTHS[a] for a in axes)).astype(dtype)
    metadata = {"axes": axes, "unit": "um", "spacing": spacing}
    metadata |= {"finterval": interval, "tunit": tunit[0]}
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, resolution=per_unit, metadata=metadata)
    stack = open_stack(tmp_path / "a.tif")
    _check(stack, axes, array)
    lengths = {"X": 1 / per_unit[0], "Y": 1 / per_unit[1], "Z": spacing}
    _check_steps(
        stack,
        {axis: (size, "micrometer") for axis, size in lengths.items()}
        | {"T": (interval, tunit[1])},
    )


@STRICT
@given(
    axes=_orders("TCZ"),
    dtype=st.sampled_from(["uint8", "int8", "uint32", "float32", "float64"]),
    byteorder=st.sampled_from("<>"),
    bigtiff=st.booleans(),
    rows=st.integers(1, 20),
)
def test_shaped_files_are_read_as_written(tmp_path, axes, dtype, byteorder, bigtiff, rows):
    array = noise(tuple(LENGTHS[a] for a in axes)).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        array,
        photometric="minisblack",
        byteorder=byteorder,
        bigtiff=bigtiff,
        rowsperstrip=rows,
        metadata={"axes": axes},
    )
    _check(open_stack(tmp_path / "a.tif"), axes, array)
