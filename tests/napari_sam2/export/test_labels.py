"""Output files: as fixed in the documentation, and readable by others."""

from __future__ import annotations

import shutil
from collections import namedtuple

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.export import ome_zarr
from napari_sam2.export import tiff as label_tiff
from napari_sam2.export.calibration import Calibration
from napari_sam2.export.destination import OutputDestination, OutputKind, check_disk
from napari_sam2.export.labels import create_label_output, finish_label_output, open_label_output
from napari_sam2.export.tiff import write_label_tiff
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_layout import tiles
from napari_sam2.masks.store import MaskRecord, MemoryMaskStore

NAMES = ("out.zarr", "out.ome.zarr", "out.tif")


def stack_of(shape=(4, 2, 300, 400), axes="TCYX", **options):
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    return open_stack(pixels, axes=axes, **options)


def write(output, stack):
    """Write an object on each frame from 1 on, and return the labels that are expected."""
    labels = create_label_output(output, stack, [1, 700])
    store = MemoryMaskStore()
    for frame in range(1, stack.n_frames):
        store.put(
            MaskRecord.of_mask(n, stack.index(frame), np.ones((3, 5)), (frame, at))
            for n, at in ((1, 2), (700, 6))
        )
        labels.refresh(stack.index(frame), Window.of(stack.shape), store)
    finish_label_output(output, stack, labels, [1, 700])
    expected = np.zeros(stack.label_shape, np.uint16)
    for frame in range(1, stack.n_frames):
        plane = np.zeros(stack.shape, np.uint16)
        plane[frame : frame + 3, 6:11] = 700
        plane[frame : frame + 3, 2:7] = 1
        expected[stack.label_slices(stack.index(frame))] = stack.oriented(plane)
    return expected


def read(output):
    if output.kind is OutputKind.TIFF:
        return tifffile.imread(output.path)
    return zarr.open_array(output.labels, mode="r")[...]


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


class Microscope:
    """A stack with pixel sizes."""

    def __init__(self, stack, units):
        self._stack = stack
        self.scale = (30.0, 0.25, 0.5)
        self.units = units

    def __getattr__(self, name):
        return getattr(self._stack, name)


@pytest.fixture
def ome(tmp_path):
    stack = Microscope(stack_of((3, 2, 301, 600)), ("second", "micrometer", "micrometer"))
    output = OutputDestination.parse(tmp_path / "out.ome.zarr")
    return stack, output, write(output, stack)


def test_ome_zarr_is_valid(ome):
    from ome_zarr_models.v05 import Image
    from ome_zarr_models.v05.image_label import ImageLabel

    _, output, _ = ome
    image = Image.from_zarr(zarr.open_group(output.path, mode="r"))
    assert [axis.name for axis in image.ome_attributes.multiscales[0].axes] == ["t", "c", "y", "x"]
    label = ImageLabel.from_zarr(zarr.open_group(output.labels.parent, mode="r"))
    assert {c.label_value for c in label.ome_attributes.image_label.colors} == {1, 700}


def test_ome_zarr_is_read_by_ome_zarr_py(ome):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    stack, output, expected = ome
    image, _, labels = list(Reader(parse_url(output.path))())
    np.testing.assert_array_equal(image.data[0], stack._stack.source.levels[0][...])
    np.testing.assert_array_equal(labels.data[0], expected)
    assert [level.shape for level in labels.data] == [(3, 301, 600), (3, 151, 300), (3, 76, 150)]
    assert [level.shape[-2:] for level in image.data] == [(301, 600), (151, 300), (76, 150)]


def test_ome_zarr_pyramids_and_scale(ome):
    stack, output, expected = ome
    group = zarr.open_group(output.path, mode="r")
    pixels = stack._stack.source.levels[0][...]
    means = pixels[..., :300, :].reshape(3, 2, 150, 2, 300, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(group["1"][..., :150, :], means, atol=0.5)
    np.testing.assert_array_equal(group["labels/objects/1"][...], expected[:, ::2, ::2])
    (scales,) = group.attrs["ome"]["multiscales"]
    assert scales["datasets"][1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [30.0, 1.0, 0.5, 1.0]},
        {"type": "translation", "translation": [0.0, 0.0, 0.125, 0.25]},
    ]
    assert scales["axes"][0] == {"name": "t", "type": "time", "unit": "second"}
    (scales,) = group["labels/objects"].attrs["ome"]["multiscales"]
    assert scales["datasets"][2]["coordinateTransformations"] == [
        {"type": "scale", "scale": [30.0, 1.0, 2.0]}
    ]
    assert group["labels"].attrs["ome"]["labels"] == ["objects"]


def test_ome_zarr_is_our_own_input_again(ome):
    stack, output, _ = ome
    again = open_stack(output.path)
    assert (again.axes, again.scale, again.units) == ("TCYX", stack.scale, stack.units)
    np.testing.assert_array_equal(again.read((1,)), stack.read((1,)))


def test_ome_zarr_can_be_finished_twice(ome):
    stack, output, expected = ome
    finish_label_output(output, stack, open_label_output(output, stack, [1]), [1, 700])
    np.testing.assert_array_equal(read(output), expected)


def test_large_planes_are_written_in_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(ome_zarr, "tiles", lambda window: tiles(window, 64))
    monkeypatch.setattr(ome_zarr, "_SMALL", 40)
    stack, output = (
        stack_of((2, 131, 150), "TYX"),
        OutputDestination.parse(tmp_path / "out.ome.zarr"),
    )
    expected = write(output, stack)
    group = zarr.open_group(output.path, mode="r")
    np.testing.assert_array_equal(group["labels/objects/2"][...], expected[:, ::4, ::4])
    pixels = stack.source.levels[0][...]
    np.testing.assert_array_equal(group["0"][:, 0], pixels)
    means = pixels[:, :128, :148].reshape(2, 32, 4, 37, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(group["2"][:, 0, :32, :37], means, atol=1)


def test_tiff_is_calibrated(tmp_path):
    stack = Microscope(stack_of((3, 2, 31, 60)), ("s", "µm", "µm"))
    output = OutputDestination.parse(tmp_path / "out.tif")
    write(output, stack)
    again = open_stack(output.path)
    assert (again.axes, again.scale) == ("TYX", stack.scale)
    assert again.units == ("second", "micrometer", "micrometer")
    with tifffile.TiffFile(output.path) as file:
        assert not file.is_bigtiff
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(1e4 / 0.5)


def test_tiff_becomes_big_when_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(label_tiff, "_CLASSIC", 1000)
    monkeypatch.setattr(label_tiff, "_BUDGET", 700 * 2 * 20)
    labels = np.random.default_rng(0).integers(0, 9, (3, 700, 600)).astype(np.uint16)
    write_label_tiff(tmp_path / "o.tif", labels, Calibration("tyx", (1,) * 3, ("pixel",) * 3))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "o.tif"), labels)
    with tifffile.TiffFile(tmp_path / "o.tif") as file:
        assert file.is_bigtiff


def test_failed_tiff_leaves_the_old_one(tmp_path):
    class Broken:
        shape, dtype = (3, 30, 40), np.dtype(np.uint16)

        def __getitem__(self, key):
            raise OSError("chunk is gone")

    path = tmp_path / "o.tif"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="chunk is gone"):
        write_label_tiff(path, Broken(), Calibration("tyx", (1,) * 3, ("pixel",) * 3))
    assert [p.name for p in tmp_path.iterdir()] == ["o.tif"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.zarr", OutputKind.ZARR),
        ("a.OME.zarr", OutputKind.OME_ZARR),
        ("a.tif", OutputKind.TIFF),
        ("a.b.TIFF", OutputKind.TIFF),
    ],
)
def test_the_ending_is_the_format(name, kind):
    assert OutputDestination.parse(name).kind is kind


@pytest.mark.parametrize("name", ["a.png", "a", "zarr", ".zarr", ".tif", "a.zarr.zip"])
def test_unknown_endings(name):
    with pytest.raises(UserError, match="must end in"):
        OutputDestination.parse(name)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_overwritten_unasked(tmp_path, name):
    output = OutputDestination.parse(tmp_path / name)
    output.check_free()
    write(output, stack_of((2, 30, 40), "TYX"))
    with pytest.raises(UserError, match="exists"):
        output.check_free()
    output.remove()
    output.check_free()
    assert list(tmp_path.iterdir()) == []
    output.run_folder.mkdir()
    with pytest.raises(UserError, match="exists"):
        output.check_free()


def test_only_outputs_are_removed(tmp_path):
    folder = tmp_path / "photos.zarr"
    folder.mkdir()
    (folder / "holiday.jpg").touch()
    with pytest.raises(UserError, match="holds no zarr"):
        OutputDestination.parse(folder).remove()
    file = tmp_path / "file.zarr"
    file.touch()
    with pytest.raises(UserError, match="is a file"):
        OutputDestination.parse(file).remove()
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        OutputDestination.parse(tmp_path / "folder.tif").remove()
    assert (folder / "holiday.jpg").exists()
    assert file.exists()


def test_output_must_not_touch_the_input(tmp_path):
    output = OutputDestination.parse(tmp_path / "movie.zarr")
    output.check_apart([tmp_path / "other.zarr"])
    for bad in (tmp_path / "movie.zarr", tmp_path / "movie.zarr" / "0", tmp_path):
        with pytest.raises(UserError, match="would change the input"):
            output.check_apart([bad])


def test_too_little_disk_is_said_before(tmp_path, monkeypatch):
    output, stack = OutputDestination.parse(tmp_path / "new" / "out.ome.zarr"), stack_of()
    check_disk(output, stack, 4, 10**6)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, 10**8))
    with pytest.raises(UserError, match=r"1\.4 GB, but only 0\.1 GB"):
        check_disk(output, stack, 4, 10**9)
    check_disk(OutputDestination.parse(tmp_path / "out.zarr"), stack, 4, 10**9)
