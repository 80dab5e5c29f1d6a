from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import torch
import xarray

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16, torch.int16])
def test_tensors_are_read_without_a_copy(dtype):
    tensor = torch.arange(60).reshape(3, 4, 5).to(dtype).requires_grad_(dtype.is_floating_point)
    stack = open_stack(tensor, axes="TYX")
    np.testing.assert_array_equal(stack.read((1,))[0], tensor[1].detach().numpy())
    with torch.no_grad():
        tensor[1] = 7
    assert (stack.read((1,)) == 7).all()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3, 4, 5, dtype=torch.bfloat16),
        torch.zeros(3, 4, 5, device="meta"),
        torch.zeros(3, 4, 5).to_sparse(),
    ],
)
def test_tensors_that_numpy_lacks_are_refused(tensor):
    with pytest.raises(UserError, match=r"give tensor.float\(\), dense and with data"):
        open_stack(tensor, axes="TYX")


def test_dims_name_the_axes_and_coordinates_give_sizes():
    data = noise((4, 6, 5, 3))
    array = xarray.DataArray(
        data,
        dims=("x", "y", "z", "time"),
        coords={
            "x": ("x", [10.0, 10.5, 11.0, 11.5], {"units": "um"}),
            "z": ("z", [4.0, 2.0, 0.0, -2.0, -4.0], {"units": "mm"}),
            "y": ("y", [0, 1, 2, 3, 4, 9]),
            "time": np.array(["2026-01-01T00:00", "2026-01-01T00:05", "2026-01-01T00:10"], "M8[s]"),
        },
        name="cells",
    )
    stack = open_stack(array, at={"z": 2})
    assert (stack.name, stack.axes, stack.native_axes) == ("cells", "TZYX", "XYZT")
    assert stack.scale == (300.0, 2.0, 1.0, 0.5)
    assert stack.units == ("second", "millimeter", "pixel", "micrometer")
    assert stack.origin == (0.0, 0.0, 0.0, 10.0)
    np.testing.assert_array_equal(stack.read((1, 2))[0], data[:, :, 2, 1].T)
    assert any("z descend" in note for note in stack.notes)
    assert any("y are not evenly spaced" in note for note in stack.notes)


def test_channels_of_an_xarray_keep_their_names():
    array = xarray.DataArray(
        da.zeros((2, 8, 9), chunks=(1, 8, 9)), dims=("c", "y", "x"), coords={"c": ["dapi", "gfp"]}
    )
    stack = open_stack(array)
    assert stack.source.channel_names == ("dapi", "gfp")
    assert stack.source.levels[0].chunks == (1, 8, 9)


def test_a_dataset_is_refused_with_its_variables():
    with pytest.raises(UserError, match="here one of the variables a, b"):
        open_stack(xarray.Dataset({"a": ("x", [1]), "b": ("x", [2])}))


def test_dask_arrays_of_unknown_length_are_refused():
    array = da.zeros((4, 8, 9))
    unknown = array[da.ones(4) > 0]
    with pytest.raises(UserError, match=r"compute_chunk_sizes\(\) first"):
        open_stack(unknown)
    assert open_stack(unknown.compute_chunk_sizes()).n_frames == 4


def test_masked_pixels_are_refused():
    masked = np.ma.masked_less(np.arange(60).reshape(3, 4, 5), 3)
    for array in (masked, da.from_array(masked)):
        with pytest.raises(UserError, match=r"array.filled\(0\)"):
            open_stack(array)
    plain = np.ma.array(np.ones((3, 4, 5)))
    assert open_stack(plain).read((0,)).sum() == 20


def test_subclasses_of_numpy_arrays_are_plain():
    class Labeled(np.ndarray):
        def __getitem__(self, key):
            raise AssertionError

    values = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(open_stack(values.view(Labeled)).read(())[0], values)


def test_foreign_types_are_refused():
    class Foreign:
        shape = (3, 4, 5)
        dtype = "no type"

        def __getitem__(self, key):
            raise AssertionError

    with pytest.raises(UserError, match="which NumPy lacks"):
        open_stack(Foreign())
