"""DICOM series of every kind, written by pydicom and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import JPEGLosslessSV1, RLELossless

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.base import Source
from napari_sam2.images.readers.dicom.reader import read_dicom
from tests.helpers.dicom_files import (
    OBLIQUE,
    Geometry,
    SeriesWriter,
    enhanced_volume,
    new_dataset,
    set_pixels,
)

NEUTRAL = (("Slope", 1), ("Intercept", 0))


def volume(shape: tuple[int, ...] = (5, 6, 7), dtype: Any = np.int16) -> NDArray[Any]:
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def everything(source: Source) -> NDArray[Any]:
    array = source.levels[0]
    return array[tuple(slice(None) for _ in array.shape)]


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(),
        Geometry(orientation=OBLIQUE),
        Geometry(orientation=(0, 1, 0, 0, 0, -1), spacing=(1.5, 0.3), step=0.8),
    ],
    ids=["axial", "oblique", "sagittal"],
)
def test_a_series_is_a_volume_in_its_place(tmp_path: Path, geometry: Geometry) -> None:
    pixels = volume()
    SeriesWriter(tmp_path, geometry).volume(pixels)
    source = read_dicom(tmp_path)
    assert source.axes == "ZYX"
    np.testing.assert_array_equal(everything(source), pixels)
    assert source.levels[0].dtype == np.int16
    assert source.calibration.affine is not None
    np.testing.assert_allclose(source.calibration.affine, geometry.affine, atol=1e-9)
    np.testing.assert_allclose(
        source.calibration.scale("ZYX"), (geometry.step, *geometry.spacing), rtol=1e-9
    )
    assert source.calibration.units("ZYX") == ("millimeter",) * 3
    assert source.notes == ()


def test_slices_are_sorted_by_position_not_by_name_or_number(tmp_path: Path) -> None:
    pixels = volume()
    writer = SeriesWriter(tmp_path)
    for number, name in enumerate("dbeac"):
        writer.slice(pixels[number], number, name=f"{name}.dcm", InstanceNumber=9 - number)
    np.testing.assert_array_equal(everything(read_dicom(tmp_path)), pixels)


def test_files_without_a_suffix_and_in_folders_are_read(tmp_path: Path) -> None:
    pixels = volume()
    writer = SeriesWriter(tmp_path)
    for number, plane in enumerate(pixels):
        writer.slice(plane, number, name=f"DISK{number % 2}/IM{number}")
    (tmp_path / "report.pdf").write_bytes(b"%PDF")
    source = read_dicom(tmp_path)
    np.testing.assert_array_equal(everything(source), pixels)
    assert any("1 (.pdf)" in note for note in source.notes)


def test_only_the_indexed_slices_are_decoded(tmp_path: Path, monkeypatch: Any) -> None:
    import pydicom.pixels.utils as utils

    SeriesWriter(tmp_path).volume(volume())
    source = read_dicom(tmp_path)
    decoded = []
    real = utils.pixel_array

    def counted(path: Path, **options: Any) -> NDArray[Any]:
        decoded.append(path.name)
        return real(path, **options)

    monkeypatch.setattr(utils, "pixel_array", counted)
    assert source.levels[0][2, slice(1, 3), slice(0, 2)].shape == (2, 2)
    assert decoded == ["slice002.dcm"]


def test_missing_slices_are_named_and_cannot_be_read(tmp_path: Path) -> None:
    pixels = volume((8, 4, 4))
    files = SeriesWriter(tmp_path).volume(pixels)
    files[3].unlink()
    source = read_dicom(tmp_path)
    array = source.levels[0]
    assert array.shape == (8, 4, 4)
    assert any("1 of 8 slices" in note and "z = 3" in note for note in source.notes)
    np.testing.assert_array_equal(array[4, slice(None), slice(None)], pixels[4])
    with pytest.raises(OSError, match="missing"):
        array[3, slice(None), slice(None)]
    assert source.calibration.step("Z").size == pytest.approx(2.5)


def test_a_varying_spacing_is_reported(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path)
    for number, place in enumerate([0, 1, 2, 3, 5, 7, 9]):
        writer.slice(volume()[0], place, name=f"{number}.dcm")
    source = read_dicom(tmp_path)
    assert source.levels[0].shape[0] == 7
    assert any("unevenly spaced (2.5 to 5 mm)" in note for note in source.notes)


def test_doubled_slices_are_refused_by_name(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path)
    writer.volume(volume())
    writer.slice(volume()[2], 2, name="again.dcm")
    with pytest.raises(UserError, match=r"1 of 5 positions are doubled.*again.dcm, slice002.dcm"):
        read_dicom(tmp_path)


def test_copies_of_a_file_are_left_out(tmp_path: Path) -> None:
    files = SeriesWriter(tmp_path).volume(volume())
    (tmp_path / "copy.dcm").write_bytes(files[1].read_bytes())
    source = read_dicom(tmp_path)
    assert source.levels[0].shape == (5, 6, 7)
    assert any(
        "Copies of other files are left out (1): slice001.dcm" in note for note in source.notes
    )


def test_a_tilted_gantry_is_reported_and_in_the_affine(tmp_path: Path) -> None:
    geometry = Geometry(shear=(0.0, 0.5, 0.0))
    SeriesWriter(tmp_path, geometry).volume(volume())
    source = read_dicom(tmp_path)
    assert any("tilted by 11.3 degrees" in note for note in source.notes)
    assert source.calibration.affine is not None
    np.testing.assert_allclose(source.calibration.affine, geometry.affine, atol=1e-9)


def test_values_are_rescaled_to_integers_where_possible(tmp_path: Path) -> None:
    pixels = volume(dtype=np.uint16)
    SeriesWriter(tmp_path).volume(pixels, RescaleSlope=1, RescaleIntercept=-1024, BitsStored=12)
    source = read_dicom(tmp_path)
    assert source.levels[0].dtype == np.int16
    np.testing.assert_array_equal(everything(source), pixels.astype(int) - 1024)


def test_each_slice_has_its_own_slope(tmp_path: Path) -> None:
    pixels = volume(dtype=np.uint16)
    writer = SeriesWriter(tmp_path)
    for number, plane in enumerate(pixels):
        writer.slice(plane, number, RescaleSlope=0.5 * (number + 1), RescaleIntercept=0)
    source = read_dicom(tmp_path)
    assert source.levels[0].dtype == np.float32
    slopes = 0.5 * np.arange(1, 6)[:, None, None]
    np.testing.assert_allclose(everything(source), pixels * slopes)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_signed_and_unsigned_values(tmp_path: Path, dtype: Any) -> None:
    limits = np.iinfo(dtype)
    pixels = np.array([[[limits.min, limits.max], [3, 4]]] * 3, dtype)
    SeriesWriter(tmp_path).volume(pixels)
    source = read_dicom(tmp_path)
    assert source.levels[0].dtype == dtype
    np.testing.assert_array_equal(everything(source), pixels)


def test_monochrome1_is_inverted_with_its_window(tmp_path: Path) -> None:
    pixels = volume(dtype=np.uint16)
    SeriesWriter(tmp_path).volume(
        pixels,
        PhotometricInterpretation="MONOCHROME1",
        BitsStored=12,
        HighBit=11,
        WindowCenter=1000,
        WindowWidth=200,
        VOILUTFunction="LINEAR_EXACT",
    )
    source = read_dicom(tmp_path)
    np.testing.assert_array_equal(everything(source), 4095 - pixels)
    assert source.display_window == (4095 - 1100, 4095 - 900)
    assert source.significant_bits == 12
    assert any("MONOCHROME1" in note for note in source.notes)


def test_window_and_padding_come_from_the_header(tmp_path: Path) -> None:
    SeriesWriter(tmp_path).volume(
        volume(),
        WindowCenter=[40, 400],
        WindowWidth=[401, 1800],
        RescaleSlope=1,
        RescaleIntercept=-1000,
        PixelPaddingValue=-2000,
    )
    source = read_dicom(tmp_path)
    assert source.display_window == (-160.5, 239.5)
    assert source.fill_value == -3000


def test_series_of_a_folder_are_scenes(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path, tags={"SeriesNumber": 3, "SeriesDescription": "Thorax"})
    writer.volume(volume())
    other = SeriesWriter(tmp_path / "b", tags={"SeriesNumber": 2, "SeriesDescription": "Head"})
    other.volume(volume()[:3] + 1)
    scout = SeriesWriter(tmp_path / "c", tags={"SeriesNumber": 1, "SeriesDescription": "Topogram"})
    scout.volume(volume((20, 3, 3)), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    source = read_dicom(tmp_path)
    assert source.scenes == ("1 Topogram (localizer)", "2 Head", "3 Thorax")
    assert source.scene == "3 Thorax"
    assert any("--scene" in note and "2 Head" in note for note in source.notes)
    np.testing.assert_array_equal(everything(read_dicom(tmp_path, "2 Head")), volume()[:3] + 1)
    assert read_dicom(tmp_path, 0).levels[0].shape == (20, 3, 3)
    assert len(read_dicom(tmp_path, 1).files) == 3


def test_localizers_of_the_same_series_are_a_scene(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path, tags={"SeriesNumber": 1})
    writer.volume(volume())
    cross = SeriesWriter(tmp_path, Geometry(orientation=OBLIQUE), writer.series)
    cross.slice(volume()[0], 0, "x.dcm", SeriesNumber=1, ImageType=["ORIGINAL", "LOCALIZER"])
    source = read_dicom(tmp_path)
    assert source.scenes == ("1", "1 (localizer)")
    assert source.levels[0].shape == (5, 6, 7)


@pytest.mark.parametrize(
    ("keyword", "values", "step"),
    [
        ("TemporalPositionIdentifier", (1, 2, 3), None),
        ("TriggerTime", (0.0, 40.0, 80.0), 0.04),
        ("AcquisitionTime", ("095959.5", "100000.0", "100000.5"), 0.5),
    ],
)
def test_time_points(tmp_path: Path, keyword: str, values: Any, step: float | None) -> None:
    pixels = volume((3, 4, 5, 6))
    writer = SeriesWriter(tmp_path)
    for time, value in enumerate(values):
        for number, plane in enumerate(pixels[time]):
            writer.slice(plane, number, f"{number}-{time}.dcm", **{keyword: value})
    source = read_dicom(tmp_path)
    assert source.axes == "TZYX"
    np.testing.assert_array_equal(everything(source), pixels)
    if step is not None:
        assert source.calibration.step("T").size == pytest.approx(step)
        assert source.calibration.step("T").unit == "second"


def test_echoes_are_channels(tmp_path: Path) -> None:
    pixels = volume((2, 4, 5, 6))
    writer = SeriesWriter(tmp_path)
    for echo, time in enumerate((5.0, 20.0)):
        for number, plane in enumerate(pixels[echo]):
            writer.slice(plane, number, f"{number}-{echo}.dcm", EchoTime=time)
    source = read_dicom(tmp_path)
    assert source.axes == "CZYX"
    np.testing.assert_array_equal(everything(source), pixels)
    assert source.channel_names == ("EchoTime 5.0", "EchoTime 20.0")


def test_repeats_without_a_reason_are_time_points_with_a_note(tmp_path: Path) -> None:
    pixels = volume((2, 4, 5, 6))
    writer = SeriesWriter(tmp_path)
    for time in range(2):
        for number, plane in enumerate(pixels[time]):
            name = f"{number}-{time}.dcm"
            writer.slice(plane, number, name, InstanceNumber=1 + time * 4 + number)
    source = read_dicom(tmp_path)
    np.testing.assert_array_equal(everything(source), pixels)
    assert any("2 slices at each position" in note for note in source.notes)


def test_a_multiframe_file_is_a_volume(tmp_path: Path) -> None:
    pixels, geometry = volume(), Geometry(orientation=OBLIQUE)
    source = read_dicom(enhanced_volume(tmp_path / "enhanced.dcm", pixels, geometry))
    assert source.axes == "ZYX"
    np.testing.assert_array_equal(everything(source), pixels)
    assert source.calibration.affine is not None
    np.testing.assert_allclose(source.calibration.affine, geometry.affine, atol=1e-9)


def test_a_cine_file_is_a_movie(tmp_path: Path) -> None:
    dataset, pixels = new_dataset(), volume(dtype=np.uint8)
    set_pixels(dataset, pixels)
    dataset.FrameTime = 40
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    dataset.SequenceOfUltrasoundRegions = [region]
    dataset.save_as(tmp_path / "us.dcm", enforce_file_format=True)
    source = read_dicom(tmp_path / "us.dcm")
    assert source.axes == "TYX"
    np.testing.assert_array_equal(everything(source), pixels)
    assert source.calibration.scale("TYX") == pytest.approx((0.04, 0.3, 0.2))
    assert source.calibration.units("TYX") == ("second", "millimeter", "millimeter")


def test_color(tmp_path: Path) -> None:
    pixels = volume((4, 5, 6, 3), np.uint8)
    SeriesWriter(tmp_path).volume(pixels)
    source = read_dicom(tmp_path)
    assert source.axes == "ZYXS"
    np.testing.assert_array_equal(everything(source), pixels)


def test_real_numbers(tmp_path: Path) -> None:
    dataset, pixels = new_dataset(), np.linspace(-1, 1, 30, dtype=np.float32).reshape(5, 6)
    set_pixels(dataset, np.zeros((5, 6), np.uint32))
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.FloatPixelData = pixels.tobytes()
    dataset.save_as(tmp_path / "map.dcm", enforce_file_format=True)
    source = read_dicom(tmp_path / "map.dcm")
    assert source.levels[0].dtype == np.float32
    np.testing.assert_array_equal(everything(source), pixels)


def test_one_slice_names_its_folder(tmp_path: Path) -> None:
    files = SeriesWriter(tmp_path).volume(volume())
    source = read_dicom(files[1])
    assert source.axes == "YX"
    assert any("open the folder" in note for note in source.notes)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    files = SeriesWriter(tmp_path).volume(volume())
    files[2].write_bytes(files[2].read_bytes()[:-10])
    with pytest.raises(UserError, match=r"slice002\.dcm is truncated"):
        read_dicom(tmp_path)


def test_files_without_pixels(tmp_path: Path) -> None:
    new_dataset().save_as(tmp_path / "plan.dcm", enforce_file_format=True)
    with pytest.raises(UserError, match="holds no DICOM pictures"):
        read_dicom(tmp_path)
    SeriesWriter(tmp_path).volume(volume())
    assert any("without pixels" in note for note in read_dicom(tmp_path).notes)


@pytest.mark.parametrize("kind", ["slide", "mosaic"])
def test_pictures_of_tiles_are_refused(tmp_path: Path, kind: str) -> None:
    tags = {"TotalPixelMatrixRows": 9} if kind == "slide" else {"ImageType": ["DERIVED", "MOSAIC"]}
    SeriesWriter(tmp_path).slice(volume()[0], 0, **tags)
    with pytest.raises(UserError, match=kind):
        read_dicom(tmp_path)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    class NoDecoder:
        is_available = False

    dataset = new_dataset(JPEGLosslessSV1)
    set_pixels(dataset, volume()[0])
    dataset.PixelData = encapsulate([b"12345678"])
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    monkeypatch.setattr("pydicom.pixels.decoders.base.get_decoder", lambda syntax: NoDecoder())
    with pytest.raises(UserError, match=r"a\.dcm is compressed as JPEG Lossless.*python-gdcm"):
        read_dicom(tmp_path)


def test_run_length_encoding(tmp_path: Path) -> None:
    dataset, pixels = new_dataset(), volume(dtype=np.uint16)
    set_pixels(dataset, pixels)
    dataset.FrameTime = 10
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(everything(read_dicom(tmp_path / "a.dcm")), pixels)


def test_files_that_come_with_pydicom() -> None:
    for name, dtype in {"CT_small.dcm": np.int16, "MR_small_bigendian.dcm": np.int16}.items():
        path = Path(str(get_testdata_file(name, download=False)))
        source, dataset = read_dicom(path), pydicom.dcmread(path)
        slope, intercept = (float(dataset.get(f"Rescale{n}", d)) for n, d in NEUTRAL)
        expected = dataset.pixel_array * slope + intercept
        np.testing.assert_array_equal(everything(source), expected)
        assert source.calibration.step("X").size == float(dataset.PixelSpacing[1])
        assert source.levels[0].dtype in (dtype, np.int32)


def test_a_deflated_file() -> None:
    path = Path(str(get_testdata_file("image_dfl.dcm", download=False)))
    np.testing.assert_array_equal(everything(read_dicom(path)), pydicom.dcmread(path).pixel_array)


def test_a_kind_of_jpeg_that_no_package_decodes() -> None:
    path = Path(str(get_testdata_file("JPEG-lossy.dcm", download=False)))
    with pytest.raises(OSError, match="pylibjpeg-libjpeg"):
        everything(read_dicom(path))


def test_a_palette_becomes_color() -> None:
    path = Path(str(get_testdata_file("examples_palette.dcm", download=False)))
    dataset = pydicom.dcmread(path)
    source = read_dicom(path)
    expected = apply_color_lut(dataset.pixel_array, dataset) >> 8
    assert source.axes == "YXS"
    np.testing.assert_array_equal(everything(source), expected)


def test_slices_without_positions_follow_their_numbers(tmp_path: Path) -> None:
    pixels = volume()
    for number, plane in enumerate(pixels):
        dataset = new_dataset()
        dataset.SeriesInstanceUID, dataset.InstanceNumber = "1.2.3", 5 - number
        set_pixels(dataset, plane)
        dataset.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    source = read_dicom(tmp_path)
    np.testing.assert_array_equal(everything(source), pixels[::-1])
    assert any("no positions" in note for note in source.notes)
