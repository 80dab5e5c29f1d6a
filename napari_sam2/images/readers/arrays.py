"""Arrays: numpy, dask, zarr, PyTorch, xarray, and lists of pyramid levels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import axes_from_names
from napari_sam2.images.calibration import PIXEL, AxisStep, Calibration
from napari_sam2.images.readers.base import Key, Source


@dataclass(frozen=True, eq=False)
class WrappedArray:
    """A :class:`LazyArray` on anything with ``shape``, ``dtype`` and slicing.

    Parameters
    ----------
    array : array-like
        E.g. a numpy, dask or zarr array.
    owner : object
        Object that must live as long as the array, such as its open file.
    """

    array: Any
    owner: object = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Length of the largest block along each axis; None for arrays without blocks."""
        chunks = getattr(self.array, "chunks", None)
        if not chunks:
            return None
        return tuple(max(c) if isinstance(c, tuple) else int(c) for c in chunks)

    def __getitem__(self, key: Key) -> NDArray[Any]:
        return np.asarray(self.array[key])


def is_array(source: object) -> bool:
    """Return whether ``source`` has the attributes of an array."""
    return all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__"))


def read_array(source: Any) -> Source:
    """Wrap an array, or a list of arrays that are levels of one pyramid.

    The dims of an xarray.DataArray name the axes, and its evenly spaced coordinates give the sizes
    and the origin.

    Raises
    ------
    UserError
        If an array has masked pixels, an unknown length or a type that NumPy lacks, or if the
        arrays of a list differ in dimensions or type, or do not shrink.
    """
    if not is_array(source):
        return Source(_pyramid([_checked(array) for array in source]), "the arrays")
    if isinstance(getattr(source, "dims", None), tuple):
        return _read_xarray(source)
    return Source((WrappedArray(_checked(source)),), f"the {type(source).__name__}")


def _checked(array: Any) -> Any:
    """Return an array that can be read plane by plane, on the CPU and of type numpy.ndarray."""
    kind = type(array).__name__
    if np.ma.is_masked(array) or _is_masked_dask(array):
        raise UserError(
            f"The {kind} has masked pixels, which have no value: fill them first, e.g. with "
            "array.filled(0)."
        )
    if any(n != n for n in array.shape):
        raise UserError(
            f"The {kind} has an unknown length: shape {tuple(array.shape)}. Call "
            "array.compute_chunk_sizes() first."
        )
    if hasattr(array, "detach") and hasattr(array, "numpy"):
        return _from_tensor(array)
    if hasattr(array, "get") and hasattr(array, "__cuda_array_interface__"):
        return array.get()
    try:
        np.dtype(array.dtype)
    except TypeError as error:
        raise UserError(
            f"The {kind} has the type {array.dtype}, which NumPy lacks: convert it first, e.g. "
            "with numpy.asarray."
        ) from error
    subclass = isinstance(array, np.ndarray) and type(array) not in (np.ndarray, np.memmap)
    return np.asarray(array) if subclass else array


def _is_masked_dask(array: Any) -> bool:
    if not hasattr(array, "__dask_graph__"):
        return False
    from dask.array.utils import meta_from_array

    return isinstance(meta_from_array(array), np.ma.MaskedArray)  # type: ignore[no-untyped-call]


def _from_tensor(tensor: Any) -> NDArray[Any]:
    """Return a PyTorch tensor as a NumPy array; the memory is shared if it is on the CPU."""
    try:
        return np.asarray(tensor.detach().cpu().numpy())
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise UserError(
            f"Cannot convert the tensor of type {tensor.dtype} to NumPy: give tensor.float(), "
            f"dense and with data ({str(error).splitlines()[0]})."
        ) from error


def _read_xarray(array: Any) -> Source:
    dims = tuple(map(str, array.dims))
    axes = axes_from_names(dims)
    coords = getattr(array, "coords", {})
    steps: dict[str, AxisStep] = {}
    notes: list[str] = []
    for axis, dim in zip(axes, array.dims, strict=True):
        if axis in "TZYX" and dim in coords and coords[dim].size > 1:
            attributes = coords[dim].attrs
            unit = str(attributes.get("units") or attributes.get("unit") or PIXEL)
            step, note = coordinate_step(np.asarray(coords[dim].values), unit, str(dim))
            notes += [note] if note else []
            if step is not None:
                steps[axis] = step
    names: tuple[str, ...] = ()
    if "C" in axes and array.dims[axes.index("C")] in coords:
        names = tuple(map(str, coords[array.dims[axes.index("C")]].values))
    # The data of an xarray without chunks may be in a file, which only indexing reads in part.
    in_file = hasattr(array, "isel") and array.chunks is None
    data = array if in_file else _checked(array.data)
    return Source(
        (WrappedArray(data),),
        str(getattr(array, "name", None) or f"the {type(array).__name__}"),
        axes,
        Calibration(steps),
        notes=tuple(notes),
        channel_names=names,
    )


def coordinate_step(values: NDArray[Any], unit: str, name: str) -> tuple[AxisStep | None, str]:
    """Return the step of evenly spaced coordinates, or None, and a note about what is not used.

    Parameters
    ----------
    values : NDArray
        At least two coordinates; times may have NumPy's types.
    unit : str
        Their unit.
    name : str
        Name of the dimension, for messages.
    """
    if values.dtype.kind in "mM":
        start = values[0] if values.dtype.kind == "M" else np.timedelta64(0, "s")
        values, unit = (values - start) / np.timedelta64(1, "s"), "second"
    if values.dtype.kind not in "iuf":
        return None, f"The coordinates of {name} are not numbers: they are not used as sizes."
    distances = np.diff(values.astype(np.float64))
    size = float(distances.mean())
    if not size or not np.allclose(distances, size, rtol=1e-3, atol=0):
        return None, f"The coordinates of {name} are not evenly spaced: they are not used as sizes."
    if size < 0:
        note = f"The coordinates of {name} descend: their spacing is used, their origin is not."
        return AxisStep(-size, unit), note
    return AxisStep(size, unit, float(values[0])), ""


def read_npy(path: Path) -> Source:
    """Memory-map a file written by :func:`numpy.save`.

    Raises
    ------
    UserError
        If the file is damaged or truncated.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"Cannot open {path.name} as a numpy array: {error}.") from error
    return Source((WrappedArray(array),), path.name, files=(path,))


def _pyramid(arrays: list[Any]) -> tuple[WrappedArray, ...]:
    levels = tuple(WrappedArray(array) for array in arrays)
    for fine, coarse in pairwise(levels):
        alike = len(fine.shape) == len(coarse.shape) and fine.dtype == coarse.dtype
        grows = any(c > f for f, c in zip(fine.shape, coarse.shape, strict=False))
        if not alike or grows or fine.shape == coarse.shape:
            raise UserError(
                "A list of arrays is read as one pyramid, finest first, but shapes "
                f"{[level.shape for level in levels]} do not shrink. Stack the planes in one array."
            )
    return levels


@dataclass(frozen=True, eq=False)
class ChannelArrays:
    """Arrays of equal shape as one array with a channel axis in front; reads only what is asked.

    Parameters
    ----------
    parts : tuple of array-like
        One for each channel.
    """

    parts: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, then the shape of a part."""
        return (len(self.parts), *(int(n) for n in self.parts[0].shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """A type that holds the values of every part."""
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Largest block along each axis, None where the parts have none."""
        chunks = getattr(self.parts[0], "chunks", None)
        if not chunks:
            return None
        return (1, *(max(c) if isinstance(c, tuple) else int(c) for c in chunks))

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        channels, rest = key[0], key[1:]
        if isinstance(channels, int):
            return np.asarray(self.parts[channels][rest], self.dtype)
        planes = [np.asarray(part[rest], self.dtype) for part in self.parts[channels]]
        return np.stack(planes)
