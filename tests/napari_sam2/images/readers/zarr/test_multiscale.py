"""Axes, sizes and channel names of OME-Zarr metadata, valid and not."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.images.axes import canonical
from napari_sam2.images.readers.zarr.multiscale import image_metadata
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise, write_ome_zarr


def _metadata(axes, transforms=(), whole=(), **other):
    image = {
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": list(transforms)}],
        "coordinateTransformations": list(whole),
    }
    attributes = {"multiscales": [image], **other}
    return image_metadata(attributes, image, 0, len(axes), "a.zarr")


def test_transforms_are_applied_one_after_another():
    found = _metadata(
        [{"name": "y", "type": "space", "unit": "micrometer"}, {"name": "x", "type": "space"}],
        [{"type": "scale", "scale": [2, 3]}, {"type": "translation", "translation": [10, 20]}],
        [{"type": "scale", "scale": [0.5, 2]}, {"type": "translation", "translation": [1, 1]}],
    )
    y, x = found.calibration.step("Y"), found.calibration.step("X")
    assert (y.size, y.unit, y.origin) == (1.0, "micrometer", 6.0)
    assert (x.size, x.unit, x.origin) == (6.0, "pixel", 41.0)


def test_transforms_of_other_kinds_are_reported():
    found = _metadata(["y", "x"], [{"type": "affine"}, {"type": "scale", "path": "scale"}])
    assert any("affine, scale" in note for note in found.notes)
    assert found.calibration.scale("YX") == (1.0, 1.0)


def test_unknown_names_are_found_by_type():
    kinds = {"moment": "time", "dye": "channel", "slices": "space", "v": "space", "u": "space"}
    entries = [{"name": name, "type": kind} for name, kind in kinds.items()]
    assert _metadata(entries).axes == "TCZYX"
    assert _metadata([{"name": "a"}, {"name": "y"}, {"name": "x"}]).axes == "?YX"


@pytest.mark.parametrize("key", ["omero", "ome"])
def test_channel_names(key):
    omero = {"channels": [{"label": "DAPI"}, {"color": "FF0000"}]}
    other = {"omero": omero} if key == "omero" else {"ome": {"omero": omero, "version": "0.5-dev"}}
    assert _metadata(["c", "y", "x"], **other).channel_names == ("DAPI", "")


def test_metadata_that_break_the_specification_are_read_and_reported(tmp_path):
    array = noise((3, 8, 9))
    write_ome_zarr(tmp_path / "a.zarr", [array], "0.4", axes="zyx")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    images = list(group.attrs["multiscales"])
    del images[0]["datasets"][0]["coordinateTransformations"]
    group.attrs["multiscales"] = images
    stack = open_stack(tmp_path / "a.zarr")
    assert any("do not follow OME-Zarr 0.4" in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read((1,))[0], array[1])


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    axes=st.permutations("tczyx").flatmap(
        lambda order: st.integers(2, 5).map(
            lambda n: "".join(a for a in order if a in ("tcz"[: n - 2] + "yx"))
        )
    ),
    version=st.sampled_from(["0.4", "0.5"]),
    dtype=st.sampled_from(["uint8", "int16", "uint16", "float32"]),
    numbers=st.lists(st.floats(0.01, 1000), min_size=5, max_size=5),
    chunk=st.integers(2, 7),  # Chunks of one pixel would be a thousand files.
)
def test_any_order_type_size_and_chunks(tmp_path, axes, version, dtype, numbers, chunk):
    path = tmp_path / "p.zarr"
    lengths = {"t": 3, "c": 2, "z": 4, "y": 7, "x": 6}
    array = noise(tuple(lengths[a] for a in axes)).astype(dtype)
    write_ome_zarr(path, [array], version, axes=axes)
    group = zarr.open_group(path, mode="r+")
    stored = group.create_array("0", data=array, chunks=(chunk,) * array.ndim, overwrite=True)
    attributes = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    step = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    step[0]["scale"] = numbers[: len(axes)]
    step.append({"type": "translation", "translation": numbers[::-1][: len(axes)]})
    group.attrs.update(attributes)
    stack = open_stack(path)
    upper = axes.upper()
    wanted = canonical(upper)
    assert (stack.axes, stack.dtype, stored.ndim) == (wanted, np.dtype(dtype), array.ndim)
    found = stack.source.levels[0][(slice(None),) * array.ndim]
    expected = array.transpose([upper.index(a) for a in wanted])
    np.testing.assert_array_equal(found, expected)
    assert stack.calibration.scale(upper) == tuple(numbers[: len(axes)])
    assert stack.calibration.origin(upper) == tuple(numbers[::-1][: len(axes)])
