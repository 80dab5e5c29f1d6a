"""Zarr and OME-Zarr in both versions, by path, zip, group and URL."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading

import numpy as np
import pytest
import xarray
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.storage import ZipStore

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.axes import canonical
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import CountingStore, noise, write_ome_zarr


@pytest.fixture
def pyramid():
    full = noise((3, 2, 4, 65, 96))
    return [full, full[..., ::2, ::2], full[..., ::4, ::4]]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_metadata_are_read(tmp_path, pyramid, version):
    write_ome_zarr(tmp_path / "a.ome.zarr", pyramid, version)
    stack = open_stack(tmp_path / "a.ome.zarr", at={"z": 1})
    assert (stack.axes, stack.levels, stack.notes) == ("TCZYX", (1, 2, 4), ())
    assert stack.scale == (2.0, 2.0, 0.5, 0.5)
    assert stack.units == ("second", "micrometer", "micrometer", "micrometer")
    np.testing.assert_array_equal(stack.read((2, 1)), pyramid[0][2, :, 1])
    coarse = stack.read((2, 1), Window(4, 8, 65, 90), level=2)
    np.testing.assert_array_equal(coarse, pyramid[2][2, :, 1, 1:17, 2:23])


def test_translation_is_the_origin(tmp_path):
    write_ome_zarr(tmp_path / "a.zarr", [noise((3, 8, 9))], "0.5", axes="tyx")
    assert open_stack(tmp_path / "a.zarr").origin == (0.0, 0.0, 0.0)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    ome = dict(group.attrs["ome"])
    steps = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    steps.append({"type": "translation", "translation": [5.0, 10.0, 20.0]})
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [1, 2, 2]}]
    group.attrs["ome"] = ome
    stack = open_stack(tmp_path / "a.zarr")
    assert stack.scale == (2.0, 1.0, 1.0)
    assert (stack.affine, stack.origin) == (None, (5.0, 20.0, 40.0))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_arrays_of_both_versions(tmp_path, zarr_format):
    array = noise((3, 20, 30))
    zarr.create_array(tmp_path / "a.zarr", data=array, zarr_format=zarr_format)
    stack = open_stack(tmp_path / "a.zarr")
    assert any("TYX" in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read((1,))[0], array[1])


def test_dimension_names_are_taken(tmp_path):
    zarr.create_array(
        tmp_path / "3.zarr", data=noise((3, 5, 6)), dimension_names=["depth", "y", "x"]
    )
    two = zarr.create_array(tmp_path / "2.zarr", data=noise((3, 5, 6)), zarr_format=2)
    two.attrs["_ARRAY_DIMENSIONS"] = ["z", "lat", "lon"]
    assert open_stack(tmp_path / "3.zarr").axes == "ZYX"
    assert open_stack(tmp_path / "2.zarr").axes == "ZYX"


def test_coarse_levels_cost_coarse_chunks(tmp_path):
    full = noise((1, 256, 256))
    write_ome_zarr(tmp_path / "a.zarr", [full, full[:, ::4, ::4]], "0.5", axes="zyx")
    store = CountingStore(tmp_path / "a.zarr")
    stack = open_stack(zarr.open_group(store, mode="r"))
    stack.read((0,), level=1)
    assert len(store.chunks) == 4
    assert all(chunk.startswith("1/") for chunk in store.chunks)


def test_zipped(tmp_path):
    array = noise((3, 20, 30))
    with ZipStore(tmp_path / "a.zarr.zip", mode="w") as store:
        zarr.create_array(store, data=array)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.zarr.zip").read((2,))[0], array[2])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_chunks_that_are_not_stored_are_counted(tmp_path, version):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, [noise((3, 8, 9)) + 1], version, axes="tyx")
    assert not any("not stored" in note for note in open_stack(path).notes)
    (chunk,) = path.glob("0/1.0.0" if version == "0.4" else "0/c/1/0/0")
    chunk.unlink()
    assert any("1 of 3 chunks" in note for note in open_stack(path).notes)


@pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler")
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_ome_zarr_py_writes(tmp_path, version):
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.writer import write_image

    form = FormatV04() if version == "0.4" else FormatV05()
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=form.zarr_format)
    pixels = noise((3, 2, 20, 30)) + 1
    sizes = {"t": 5.0, "c": 1.0, "y": 0.5, "x": 0.25}
    units = {"t": "minute", "y": "micrometer", "x": "micrometer"}
    write_image(
        pixels, group, axes="tcyx", axes_units=units, scale=sizes, scale_factors=[], fmt=form
    )
    stack = open_stack(tmp_path / "a.zarr")
    assert (stack.axes, stack.scale) == ("TCYX", (5, 0.5, 0.25))
    assert stack.units == ("minute", "micrometer", "micrometer")
    for time in range(3):
        np.testing.assert_array_equal(stack.read((time,)), pixels[time])


def test_a_zip_of_a_folder(tmp_path, pyramid):
    write_ome_zarr(tmp_path / "in" / "a.zarr", pyramid, "0.5")
    archive = shutil.make_archive(str(tmp_path / "b"), "zip", tmp_path / "in")
    stack = open_stack(archive)
    assert stack.levels == (1, 2, 4)
    assert stack.source.files == (tmp_path / "b.zip",)


def test_a_zip_without_zarr_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(b"x")
    archive = shutil.make_archive(str(tmp_path / "b"), "zip", tmp_path / "in")
    with pytest.raises(UserError, match=r"b.zip holds no Zarr \(a.dcm\): unpack it"):
        open_stack(archive)
    (tmp_path / "c.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match="not a zip file"):
        open_stack(tmp_path / "c.zip")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_coordinates_of_a_dataset_are_sizes(tmp_path, zarr_format):
    dataset = xarray.Dataset(
        {"cells": (("y", "time", "x"), noise((20, 3, 30)))},
        {
            "time": ("time", np.arange(3) * 5.0 + 10, {"units": "minutes since 2020-01-01"}),
            "y": ("y", np.arange(20) * 0.5, {"units": "micrometer"}),
        },
    )
    dataset.to_zarr(tmp_path / "a.zarr", zarr_format=zarr_format, consolidated=False)
    stack = open_stack(tmp_path / "a.zarr")
    assert (stack.axes, stack.full_shape) == ("TYX", (3, 20, 30))
    assert stack.scale == (5.0, 0.5, 1.0)
    assert stack.units == ("minute", "micrometer", "pixel")
    np.testing.assert_array_equal(stack.read((1,))[0], dataset["cells"][:, 1])


def test_a_group_with_one_array_is_that_array(tmp_path):
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_array("data", data=noise((3, 5, 6)))
    assert open_stack(tmp_path / "g.zarr").full_shape == (3, 5, 6)
    group.create_array("other", data=noise((3, 5, 6)))
    with pytest.raises(UserError, match="data, other"):
        open_stack(tmp_path / "g.zarr")
    zarr.open_group(tmp_path / "e.zarr", mode="w")
    with pytest.raises(UserError, match="it is empty"):
        open_stack(tmp_path / "e.zarr")


def test_layout_of_bioformats2raw(tmp_path, pyramid):
    group = zarr.open_group(tmp_path / "b.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    write_ome_zarr(tmp_path / "b.zarr" / "0", pyramid, "0.4")
    assert open_stack(tmp_path / "b.zarr").levels == (1, 2, 4)


def test_damaged_metadata(tmp_path, pyramid):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, pyramid, "0.5")
    shutil.rmtree(path / "1")
    with pytest.raises(UserError, match=r"damaged.*'1'"):
        open_stack(path)
    (path / "zarr.json").write_text("{")
    with pytest.raises(UserError, match=r"Cannot open a\.zarr as zarr"):
        open_stack(path)


def test_wrong_shapes_of_metadata_are_user_errors(tmp_path, pyramid):
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, pyramid, "0.5")
    text = json.loads((path / "zarr.json").read_text())
    text["attributes"]["ome"]["multiscales"][0]["axes"].pop()
    (path / "zarr.json").write_text(json.dumps(text))
    with pytest.raises(UserError, match="damaged"):
        open_stack(path)


def test_a_damaged_chunk_names_its_plane_and_spares_others(tmp_path):
    array = noise((3, 20, 30))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(1, 20, 30))
    (tmp_path / "a.zarr" / "c" / "1" / "0" / "0").write_bytes(b"rubbish")
    stack = open_stack(tmp_path / "a.zarr", axes="TYX")
    with pytest.raises(StackReadError, match=r"t=1 of a\.zarr"):
        stack.read((1,))
    np.testing.assert_array_equal(stack.read((2,))[0], array[2])


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def served(tmp_path):
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_by_url(tmp_path, served, pyramid, version):
    pytest.importorskip("aiohttp")
    write_ome_zarr(tmp_path / "a.zarr", pyramid, version)
    stack = open_stack(f"{served}/a.zarr", at={"z": 3})
    assert (stack.name, stack.levels) == ("a.zarr", (1, 2, 4))
    np.testing.assert_array_equal(stack.read((1, 3)), pyramid[0][1, :, 3])


def test_a_url_where_nothing_lies(served):
    pytest.importorskip("aiohttp")
    with pytest.raises(UserError, match=r"Cannot open nothing\.zarr"):
        open_stack(f"{served}/nothing.zarr")
    with pytest.raises(UserError, match="Cannot open"):
        open_stack("nonsense://a/b.zarr")


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    axes=st.permutations("tczyx").flatmap(
        lambda order: st.integers(2, 5).map(
            lambda n: "".join(a for a in order if a in ("tcz"[: n - 2] + "yx"))
        )
    ),
    named=st.booleans(),
    dtype=st.sampled_from(["uint8", "int16", "uint16", "float32"]),
    chunk=st.integers(2, 7),  # Chunks of one pixel would be a thousand files.
)
def test_plain_arrays_of_any_order_type_and_chunks(tmp_path, axes, named, dtype, chunk):
    """The axes are stated by the array, or by the caller."""
    lengths = {"t": 3, "c": 2, "z": 4, "y": 7, "x": 6}
    array = noise(tuple(lengths[a] for a in axes)).astype(dtype)
    path = tmp_path / "plain.zarr"
    zarr.create_array(
        path,
        data=array,
        chunks=(chunk,) * array.ndim,
        dimension_names=tuple(axes) if named else None,
        overwrite=True,
    )
    stack = open_stack(path, axes=None if named else axes.upper())
    wanted = canonical(axes.upper())
    assert (stack.axes, stack.dtype) == (wanted, np.dtype(dtype))
    found = stack.source.levels[0][(slice(None),) * array.ndim]
    expected = array.transpose([axes.upper().index(a) for a in wanted])
    np.testing.assert_array_equal(found, expected)
