"""Labels written to every format and read back by other libraries: same voxels, same place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import ome_types
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Layer
from PIL import Image

from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import create_label_output, finish_label_output
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import open_stack

_UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
_EXAMPLES = settings(max_examples=12, deadline=None)


@dataclass(frozen=True)
class Labels:
    """Labels with their place: values, axes, pixel sizes and origin."""

    values: np.ndarray
    axes: str
    scale: tuple[float, ...]
    origin: tuple[float, ...]

    def write(self, folder: str, name: str, affine: np.ndarray | None = None) -> Path:
        stack = open_stack(np.zeros(self.values.shape, np.uint8), axes=self.axes)
        units = [_UNITS[axis] for axis in self.axes]
        calibration = Calibration.of(self.axes, self.scale, units, affine, self.origin)
        stack = replace(stack, source=replace(stack.source, calibration=calibration))
        output = OutputDestination.parse(Path(folder) / name)
        ids = [int(self.values.max())]
        written = create_label_output(output, stack, ids)
        written.array[...] = self.values
        finish_label_output(output, stack, written, ids)
        return output.path

    def of(self, axis: str) -> tuple[float, float]:
        """Return step and origin of an axis."""
        at = self.axes.index(axis)
        return self.scale[at], self.origin[at]


@st.composite
def labels(draw, axes=("YX", "TYX", "ZYX", "TZYX"), largest=(200, 60000, 90000)):
    letters = draw(st.sampled_from(axes))
    shape = [draw(st.integers(2, 5)) for _ in letters[:-2]] + [
        draw(st.integers(6, 40)) for _ in "yx"
    ]
    most = draw(st.sampled_from(largest))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, most, shape)
    values[values % 3 == 0] = 0
    sizes = st.sampled_from([0.1, 0.325, 1.0, 2.5, 300.0])
    starts = st.sampled_from([0.0, 12.5, -40.25])
    return Labels(
        values.astype(np.uint32),
        letters,
        tuple(draw(sizes) for _ in letters),
        tuple(draw(starts) for _ in letters),
    )


@_EXAMPLES
@given(labels())
def test_tiff_by_tifffile_and_ome_types(given_labels):
    with TemporaryDirectory() as folder:
        path = given_labels.write(folder, "o.tif")
        with tifffile.TiffFile(path) as file:
            assert file.is_ome
            assert not file.pages.first.is_tiled
            assert file.series[0].axes == given_labels.axes
            np.testing.assert_array_equal(file.asarray(), given_labels.values)
        pixels = ome_types.from_tiff(path).images[0].pixels
    for axis in given_labels.axes:
        size, origin = given_labels.of(axis)
        found = (
            pixels.time_increment
            if axis == "T"
            else getattr(pixels, f"physical_size_{axis.lower()}")
        )
        assert found == pytest.approx(size)
        first = pixels.planes[0] if pixels.planes else None
        name = "delta_t" if axis == "T" else f"position_{axis.lower()}"
        assert (getattr(first, name, None) or 0.0) == pytest.approx(origin)


@_EXAMPLES
@given(labels())
def test_ome_zarr_by_ome_zarr_py(given_labels):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    with TemporaryDirectory() as folder:
        path = given_labels.write(folder, "o.ome.zarr")
        image, _, found = list(Reader(parse_url(path))())
        np.testing.assert_array_equal(np.asarray(found.data[0]), given_labels.values)
        axes = [axis["name"].upper() for axis in found.metadata["axes"]]
        steps = found.metadata["coordinateTransformations"][0]
        units = [axis["unit"] for axis in found.metadata["axes"]]
        assert [axis["name"] for axis in image.metadata["axes"] if axis["name"] != "c"] == [
            axis.lower() for axis in axes
        ]
    moved = steps[1]["translation"] if len(steps) > 1 else [0.0] * len(axes)
    assert "".join(axes) == given_labels.axes
    assert units == [_UNITS[axis] for axis in axes]
    for axis, size, origin in zip(axes, steps[0]["scale"], moved, strict=True):
        assert (size, origin) == pytest.approx(given_labels.of(axis))


@pytest.mark.filterwarnings("ignore:color_dict did not provide a default:UserWarning")
@settings(max_examples=4, deadline=None)
@given(labels())
def test_ome_zarr_in_napari(given_labels):
    napari_get_reader = pytest.importorskip("napari_ome_zarr").napari_get_reader
    with TemporaryDirectory() as folder:
        path = given_labels.write(folder, "o.ome.zarr")
        layers = napari_get_reader(str(path))()
        data, meta, kind = next(layer for layer in layers if layer[2] == "labels")
        assert kind == "labels"
        np.testing.assert_array_equal(np.asarray(data[0]), given_labels.values)
        layer = Layer.create(data, meta, kind)
    # napari-ome-zarr 0.10 reads the scale only, of images and labels alike, not the translation.
    first, second = (np.array(layer.data_to_world((i,) * layer.ndim)) for i in (0, 1))
    np.testing.assert_allclose(second - first, given_labels.scale)


@_EXAMPLES
@given(labels())
def test_zarr_by_zarr(given_labels):
    with TemporaryDirectory() as folder:
        array = zarr.open_array(given_labels.write(folder, "o.zarr"), mode="r")
        np.testing.assert_array_equal(array[...], given_labels.values)
        assert "".join(array.metadata.dimension_names).upper() == given_labels.axes
        assert tuple(array.attrs["scale"]) == given_labels.scale
        assert tuple(array.attrs["origin"]) == given_labels.origin


@_EXAMPLES
@given(labels(), st.booleans())
def test_zarr_labels_read_back_as_an_image(given_labels, oblique):
    affine = np.array([[0.5, 0, 0, -10], [0, 0.4, -0.6, 20], [0, 0.3, 1.9, 5], [0, 0, 0, 1]])
    with TemporaryDirectory() as folder:
        path = given_labels.write(folder, "o.zarr", affine if oblique else None)
        stack = open_stack(path)
        assert stack.axes == given_labels.axes
        assert stack.scale == given_labels.scale
        assert stack.units == tuple(_UNITS[axis] for axis in given_labels.axes)
        assert stack.source.notes == ()
        found = stack.source.levels[0][(slice(None),) * given_labels.values.ndim]
    np.testing.assert_array_equal(found, given_labels.values)
    if oblique:
        np.testing.assert_array_equal(stack.affine, affine)
    else:
        assert stack.origin == given_labels.origin


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@_EXAMPLES
@given(given_labels=labels())
def test_nifti_by_nibabel(ending, given_labels):
    with TemporaryDirectory() as folder:
        image = nibabel.load(given_labels.write(folder, f"o{ending}"))
        found = np.asarray(image.dataobj).T
    np.testing.assert_array_equal(found.reshape(given_labels.values.shape), given_labels.values)
    for row, axis in enumerate("XYZ"):
        if axis in given_labels.axes:
            size, origin = given_labels.of(axis)
            expected = np.insert(np.eye(3)[row] * size, 3, origin)
            np.testing.assert_allclose(image.affine[row], expected, rtol=1e-6)
    if "T" in given_labels.axes:
        assert image.header.get_zooms()[3] == pytest.approx(given_labels.of("T")[0])
    assert image.header.get_xyzt_units()[0] == "micron"


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@_EXAMPLES
@given(labels(largest=(200, 60000)))
def test_png_by_pillow(given_labels):
    with TemporaryDirectory() as folder:
        files = sorted(given_labels.write(folder, "o.png").iterdir())
        planes = [_pixels(file) for file in files]
    found = np.stack(planes).reshape(given_labels.values.shape)
    np.testing.assert_array_equal(found, given_labels.values)


@settings(max_examples=5, deadline=None)
@given(labels(largest=(9,)))
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_by_pycocotools(given_labels):
    coco_api = pytest.importorskip("pycocotools.coco")
    with TemporaryDirectory() as folder:
        coco = coco_api.COCO(given_labels.write(folder, "o.coco.json"))
    found = np.zeros_like(given_labels.values)
    for annotation in coco.dataset["annotations"]:
        image = coco.imgs[annotation["image_id"]]
        at = tuple(image[axis] for axis in given_labels.axes[:-2].lower())
        found[at][coco.annToMask(annotation).astype(bool)] = annotation["track_id"]
    np.testing.assert_array_equal(found, given_labels.values)
    assert tuple(coco.dataset["info"]["scale"]) == given_labels.scale
    assert tuple(coco.dataset["info"]["origin"]) == given_labels.origin
