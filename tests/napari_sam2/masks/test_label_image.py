from __future__ import annotations

import nibabel
import numpy as np
import pytest
import xarray
import zarr
from PIL import Image, ImageOps

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_image import (
    LabelImage,
    label_axes_of,
    open_label_image,
    place_notes,
    plane_reader,
)
from tests.helpers.stack_files import noise, write_ome_zarr

LABELS = np.arange(2 * 8 * 9, dtype=np.uint16).reshape(2, 8, 9)


def write_with_labels(path, *names):
    write_ome_zarr(path, [noise((2, 8, 9))], "0.5", axes="zyx")
    zarr.open_group(path / "labels", mode="w").attrs["ome"] = {"labels": list(names)}
    for name in names:
        write_ome_zarr(path / "labels" / name, [LABELS], "0.5", axes="zyx")


def test_the_label_image_of_an_ome_zarr_is_read(tmp_path):
    write_with_labels(tmp_path / "a.ome.zarr", "cells")
    labels = open_label_image(tmp_path / "a.ome.zarr")
    assert labels.axes == "ZYX"
    np.testing.assert_array_equal(labels[:, :, :], LABELS)


def test_several_label_images_are_named(tmp_path):
    write_with_labels(tmp_path / "a.ome.zarr", "cells", "nuclei")
    with pytest.raises(UserError, match=r"several label images \(cells, nuclei\)"):
        open_label_image(tmp_path / "a.ome.zarr")


def test_axes_can_be_stated(tmp_path):
    np.save(tmp_path / "a.npy", LABELS)
    assert open_label_image(tmp_path / "a.npy").axes is None
    assert open_label_image(tmp_path / "a.npy", "zyx").axes == "ZYX"
    with pytest.raises(UserError, match="name 2 dimensions, but the data have 3"):
        open_label_image(tmp_path / "a.npy", "YX")


def test_the_dims_of_an_xarray_are_its_axes():
    labels = xarray.DataArray(LABELS.T, dims=("x", "y", "z"))
    assert label_axes_of(labels) == "XYZ"
    assert label_axes_of(LABELS) is None
    assert label_axes_of(LabelImage(LABELS, "ZYX")) == "ZYX"
    stack = open_stack(np.zeros((2, 8, 9), np.uint8), axes="ZYX")
    window = Window(1, 2, 5, 7)
    np.testing.assert_array_equal(plane_reader(labels, stack, 1)(window), LABELS[1, 1:5, 2:7])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_png_is_that_of_images(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(LABELS[1].astype(np.uint8)).save(path, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(open_label_image(path)[...], expected)


def volume(path, affine):
    nibabel.save(nibabel.Nifti1Image(LABELS.T, affine), path)
    return path


PLACE = np.array([[0, 0.5, 0, 9], [0.5, 0, 0.1, -3], [0, 0, 2, 4], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    ("affine", "noted"),
    [
        (PLACE, False),
        (np.eye(4), False),
        (PLACE @ np.diag([1, 1, 1.5, 1]), True),
        (PLACE + np.eye(4, k=3), True),
    ],
)
def test_another_place_of_labels_is_reported(tmp_path, affine, noted):
    stack = open_stack(volume(tmp_path / "a.nii", PLACE))
    labels = open_label_image(volume(tmp_path / "b.nii", affine))
    assert bool(place_notes(labels, stack)) == noted


@pytest.mark.parametrize(
    ("turn", "axes"),
    [
        (np.diag([-1, 1, 1, 1]), "x"),
        (np.diag([1, -1, -1, 1]), "z, y"),
        (np.eye(4)[[1, 0, 2, 3]], "y, x"),
    ],
)
def test_labels_in_other_directions_are_refused(tmp_path, turn, axes):
    stack = open_stack(volume(tmp_path / "a.nii", PLACE))
    labels = open_label_image(volume(tmp_path / "b.nii", PLACE @ turn))
    with pytest.raises(UserError, match=f"other directions than the image along {axes}:"):
        place_notes(labels, stack)


def test_a_folder_of_palette_images_gives_their_indices(tmp_path):
    stack = open_stack(np.zeros((3, 8, 9), np.uint8), axes="TYX")
    labels = np.random.default_rng(0).integers(0, 5, (3, 8, 9), np.uint8)
    for number, plane in enumerate(labels):
        image = Image.fromarray(plane)
        if number:
            image.putpalette(np.random.default_rng(1).integers(0, 255, 768).tolist())
        image.save(tmp_path / f"f{number + 9}.png")
    found = open_label_image(tmp_path)
    for frame, plane in enumerate(labels):
        window = Window.of(stack.shape)
        np.testing.assert_array_equal(plane_reader(found, stack, frame)(window), plane)
