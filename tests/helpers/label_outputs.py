"""Small label outputs with known content."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tifffile
import zarr

from napari_sam2.core.geometry import Window
from napari_sam2.export.destination import OutputKind
from napari_sam2.export.labels import create_label_output, finish_label_output
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.store import MaskRecord, MemoryMaskStore
from tests.helpers.stack_files import noise, write_ome_zarr

NAMES = ("out.zarr", "out.ome.zarr", "out.tif")
"""Formats with an array."""
ALL_NAMES = (*NAMES, "out.nii.gz", "out.nii", "out.coco.json", "out.png")


def stack_of(shape=(4, 2, 300, 400), axes="TCYX", **options):
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    return open_stack(pixels, axes=axes, **options)


def write(output, stack):
    """Write an object on each frame from 1 on, and return the labels that are expected."""
    labels = create_label_output(output, stack, [1, 700])
    store = MemoryMaskStore()
    for frame in range(1, stack.n_frames):
        store.put(
            MaskRecord.from_mask(n, stack.index(frame), np.ones((3, 5)), (frame, at))
            for n, at in ((1, 2), (700, 6))
        )
        labels.refresh(stack.index(frame), Window.of(stack.shape), store)
    finish_label_output(output, stack, labels, [1, 700])
    expected = np.zeros(stack.label_shape, np.uint16)
    for frame in range(1, stack.n_frames):
        plane = np.zeros(stack.shape, np.uint16)
        plane[frame : frame + 3, 6:11] = 700
        plane[frame : frame + 3, 2:7] = 1
        expected[stack.label_slices(stack.index(frame))] = plane
    return expected


def read(output):
    """Return the labels with their axes in the order T, Z, Y, X."""
    if output.kind is OutputKind.TIFF:
        return tifffile.imread(output.path)
    array = zarr.open_array(output.labels, mode="r")
    names = array.metadata.dimension_names
    return array[...].transpose([names.index(axis) for axis in "tzyx" if axis in names])


def calibrated(stack, units):
    """Return a stack with pixel sizes."""
    calibration = Calibration.of(stack.label_axes, (30.0, 0.25, 0.5), units)
    return replace(stack, source=replace(stack.source, calibration=calibration))


def write_labels_inside(folder, labels):
    """Write an OME-Zarr image of noise with labels (T, Y, X) inside it; return its path."""
    path = folder / "image.ome.zarr"
    write_ome_zarr(path, [noise(labels.shape)], "0.5", axes="tyx")
    zarr.open_group(path / "labels", mode="w").attrs["ome"] = {"labels": ["cells"]}
    write_ome_zarr(path / "labels" / "cells", [labels], "0.5", axes="tyx")
    return path
