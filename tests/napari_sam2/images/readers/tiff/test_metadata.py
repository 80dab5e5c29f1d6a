"""Sizes, intervals and origins of ImageJ, plain TIFF and microscope files."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam2.export.tiff import write_label_tiff
from napari_sam2.images.calibration import AxisStep
from napari_sam2.images.readers.tiff import metadata as module
from napari_sam2.images.readers.tiff import slides
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise


def _imagej(path, resolution=None, axes="TZYX", **metadata):
    shape = tuple({"T": 3, "Z": 4, "Y": 20, "X": 30}[a] for a in axes)
    options = {} if resolution is None else {"resolution": resolution}
    tifffile.imwrite(
        path, noise(shape), imagej=True, metadata={"axes": axes, **metadata}, **options
    )
    return open_stack(path, at={"z": 0} if "Z" in axes and "T" in axes else None)


@pytest.mark.parametrize(
    ("stated", "unit"),
    [("min", "minute"), ("sec", "second"), ("msec", "millisecond"), ("hours", "hour")],
)
def test_imagej_intervals_keep_their_unit(tmp_path, stated, unit):
    stack = _imagej(tmp_path / "a.tif", (2, 2), unit="um", finterval=5, tunit=stated)
    assert stack.calibration.step("T") == AxisStep(5, unit)


def test_imagej_frame_rate_is_used_without_an_interval(tmp_path):
    stack = _imagej(tmp_path / "a.tif", axes="TYX", fps=4)
    assert stack.calibration.step("T") == AxisStep(0.25, "second")
    stack = _imagej(tmp_path / "b.tif", axes="TYX", fps=4, finterval=2)
    assert stack.calibration.step("T") == AxisStep(2, "second")


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_imagej_sizes_origin_and_spellings_of_micrometers(tmp_path, unit):
    stack = _imagej(tmp_path / "a.tif", (4, 2), unit=unit, spacing=3, xorigin=10, zorigin=2)
    assert stack.calibration.step("X") == AxisStep(0.25, "micrometer", -2.5)
    assert stack.calibration.step("Y") == AxisStep(0.5, "micrometer")
    assert stack.calibration.step("Z") == AxisStep(3, "micrometer", -6)
    assert stack.notes == ()


def test_negative_imagej_spacing_is_made_positive_with_a_note(tmp_path):
    stack = _imagej(tmp_path / "a.tif", (4, 4), unit="um", spacing=-2.5)
    assert stack.calibration.step("Z").size == 2.5
    assert any("negative distance of slices" in note for note in stack.notes)


def test_inches_become_millimeters(tmp_path):
    stack = _imagej(tmp_path / "a.tif", (10, 10), axes="ZYX", unit="inch", spacing=2)
    assert stack.calibration.step("X") == AxisStep(2.54, "millimeter")
    assert stack.calibration.step("Z") == AxisStep(50.8, "millimeter")


def test_anisotropy_without_a_unit_is_kept(tmp_path):
    stack = _imagej(tmp_path / "a.tif", axes="ZYX", spacing=3)
    assert (stack.scale, stack.units) == ((3.0, 1.0, 1.0), ("pixel",) * 3)


@pytest.mark.parametrize(("unit", "micrometers"), [("INCH", 25400.0), ("CENTIMETER", 10000.0)])
def test_plain_resolution(tmp_path, unit, micrometers):
    tifffile.imwrite(
        tmp_path / "a.tif", noise((20, 30)), resolution=(50000, 25000), resolutionunit=unit
    )
    step = open_stack(tmp_path / "a.tif").calibration.step
    assert step("X").size == pytest.approx(micrometers / 50000)
    assert step("Y").size == pytest.approx(micrometers / 25000)


@pytest.mark.parametrize(("resolution", "sizes"), [((1, 2), (1.0, 2.0)), ((90, 30), (3.0, 1.0))])
def test_a_resolution_without_a_unit_is_the_shape_of_a_pixel(tmp_path, resolution, sizes):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((20, 30)), resolution=resolution, resolutionunit="NONE")
    stack = open_stack(path)
    assert (stack.scale, stack.units) == (pytest.approx(sizes), ("pixel", "pixel"))


def test_a_resolution_without_a_unit_of_square_pixels_is_no_size(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise((20, 30)), resolution=(4, 4), resolutionunit="NONE")
    assert open_stack(tmp_path / "a.tif").calibration.steps == {}


@pytest.mark.parametrize("dots", [72, 96])
def test_screen_resolutions_are_not_sizes(tmp_path, dots):
    tifffile.imwrite(
        tmp_path / "a.tif", noise((20, 30)), resolution=(dots, dots), resolutionunit="INCH"
    )
    stack = open_stack(tmp_path / "a.tif")
    assert stack.calibration.steps == {}
    assert any(f"{dots} pixels per inch" in note for note in stack.notes)


def test_no_data_of_geotiff_is_the_fill_value(tmp_path):
    tag = (42113, "s", 0, "-9999", True)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 30), "i2"), extratags=[tag])
    assert open_stack(tmp_path / "a.tif").source.fill_value == -9999.0


def test_lsm_lengths_are_in_meters():
    steps, names = module._lsm(
        {
            "VoxelSizeX": 1e-7,
            "VoxelSizeY": 1e-7,
            "VoxelSizeZ": 5e-7,
            "OriginX": 2e-6,
            "TimeIntervall": 1.5,
            "ChannelColors": {"ColorNames": ["Ch1", "Ch2"]},
        }
    )
    assert (steps["X"].size, steps["X"].unit) == (pytest.approx(0.1), "micrometer")
    assert steps["X"].origin == pytest.approx(2)
    assert (steps["Z"].size, steps["T"]) == (pytest.approx(0.5), AxisStep(1.5, "second"))
    assert names == ("Ch1", "Ch2")


def test_metamorph_and_micromanager():
    stk = {"XCalibration": 0.2, "YCalibration": 0.2, "CalibrationUnits": "um\0", "ZDistance": [0.5]}
    assert module._stk_steps(stk)["Z"] == AxisStep(0.5, "micrometer")
    assert module._stk_steps({"XCalibration": 1.0, "CalibrationUnits": "pixel"}) == {}
    steps, names = module._micromanager(
        {"PixelSize_um": 0.3, "z-step_um": -2, "Interval_ms": 500, "ChNames": ["GFP"]}
    )
    assert steps["Z"] == AxisStep(2, "micrometer")
    assert steps["T"] == AxisStep(500, "millisecond")
    assert names == ("GFP",)


def test_the_first_plane_of_a_metamorph_stack_may_have_no_distance():
    stk = {"XCalibration": 0.2, "YCalibration": 0.2, "CalibrationUnits": "um"}
    distances = np.array([0.0, 0.5, 0.5])
    assert module._stk_steps(stk | {"ZDistance": distances})["Z"] == AxisStep(0.5, "micrometer")
    assert "Z" not in module._stk_steps(stk | {"ZDistance": np.zeros(3)})


@pytest.mark.parametrize(("state", "sizes"), [("on", {"X": 0.65, "Y": 0.65}), ("off", {})])
def test_metaseries_states_sizes_where_it_is_calibrated(tmp_path, state, sizes):
    values = {
        "spatial-calibration-state": ("bool", state),
        "spatial-calibration-x": ("float", 0.65),
        "spatial-calibration-y": ("float", 0.65),
        "spatial-calibration-units": ("string", "um"),
    }
    properties = "".join(
        f'<prop id="{name}" type="{kind}" value="{value}"/>'
        for name, (kind, value) in values.items()
    )
    text = f"<MetaData><PlaneInfo>{properties}</PlaneInfo></MetaData>"
    options = {"software": "MetaSeries", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", noise((20, 30)), description=text, **options)
    steps = open_stack(tmp_path / "a.tif").calibration.steps
    assert {axis: step.size for axis, step in steps.items()} == sizes


def test_leica_slides_state_the_length_of_the_view(tmp_path):
    images = "".join(
        f'<image name="{name}"><pixels sizeX="{width}" sizeY="20"><dimension sizeX="{width}" '
        f'sizeY="20" ifd="{number}"/></pixels><view sizeX="{width * 250}" sizeY="10000"/></image>'
        for number, (name, width) in enumerate([("macro", 10), ("slide", 30)])
    )
    text = f'<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection>{images}'
    options = {"metadata": None, "photometric": "minisblack"}
    with tifffile.TiffWriter(tmp_path / "a.scn") as writer:
        writer.write(noise((20, 10)), description=f"{text}</collection></scn>", **options)
        writer.write(noise((20, 30)), **options)
    stack = open_stack(tmp_path / "a.scn", scene="slide")
    assert (stack.shape, stack.scale[-2:]) == ((20, 30), (0.5, 0.25))
    assert stack.units[-2:] == ("micrometer", "micrometer")


def test_pixels_of_unequal_sides_without_a_unit_survive_ome_tiff(tmp_path):
    sizes = {"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0, "PhysicalSizeZ": 3.0}
    units = {f"{name}Unit": "pixel" for name in sizes}
    metadata = {"axes": "ZYX", **sizes, **units}
    tifffile.imwrite(tmp_path / "a.ome.tif", noise((4, 20, 30)), metadata=metadata)
    stack = open_stack(tmp_path / "a.ome.tif")
    assert (stack.scale, stack.units) == ((3.0, 1.0, 1.0), ("pixel",) * 3)
    write_label_tiff(
        tmp_path / "b.tif", np.ones((4, 20, 30), np.uint16), stack.axes, stack.calibration
    )
    again = open_stack(tmp_path / "b.tif")
    assert (again.scale, again.units) == (stack.scale, stack.units)


def test_aperio_slides_state_micrometers_per_pixel():
    text = "Aperio Image Library v1\r\n100x100 [0,0 100x100] (240x240) J2K|AppMag = 20|MPP = 0.499"
    assert slides._svs_pixel_size(text) == pytest.approx(0.499)
    assert slides._svs_pixel_size("something else") == 0.0
