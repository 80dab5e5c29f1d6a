"""One small file of each input format, with everything that the format can state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import tifffile
import zarr
from PIL import Image

from tests.helpers.companion_files import write_set
from tests.helpers.dicom_files import SeriesWriter
from tests.helpers.lif_files import LifImage, write_lif
from tests.helpers.nd2_files import write_nd2
from tests.helpers.stack_files import movie, noise, write_ome_zarr, write_video

_SHAPE = (2, 3, 2, 24, 32)
_OME = {
    "axes": "TZCYX",
    "PhysicalSizeX": 0.25,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.25,
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": 2.0,
    "PhysicalSizeZUnit": "µm",
    "TimeIncrement": 5.0,
    "TimeIncrementUnit": "min",
    "Plane": {
        "PositionX": [100.0] * 12,
        "PositionXUnit": ["µm"] * 12,
        "PositionY": [-50.0] * 12,
        "PositionYUnit": ["µm"] * 12,
    },
}


@dataclass(frozen=True)
class InputFormat:
    """A format with the function that writes its file, and the test file of its reader."""

    name: str
    suffix: str
    write: Callable[[Path], Any]
    test: str


def _tiff(path: Path) -> None:
    options: Any = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, noise((5, 24, 32)), metadata={"axes": "ZYX"}, **options)


def _imagej(path: Path) -> None:
    facts = {"axes": "TZCYX", "unit": "um", "spacing": 2.0, "finterval": 5.0}
    tifffile.imwrite(path, noise(_SHAPE), imagej=True, resolution=(4, 4), metadata=facts)


def _ome(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as writer:
        for number in range(2):
            options: Any = {"photometric": "minisblack"}
            writer.write(noise(_SHAPE), metadata=_OME | {"Name": f"field {number}"}, **options)


def _companion(path: Path) -> None:
    write_set(path.parent, noise((2, *_SHAPE)).transpose(0, 1, 3, 2, 4, 5)).rename(path)


def _zarr(path: Path) -> None:
    attributes = {
        "scale": [5.0, 2.0, 1.0, 0.25, 0.25],
        "units": ["second", "micrometer", "pixel", "micrometer", "micrometer"],
        "origin": [0.0, 10.0, 0.0, -50.0, 100.0],
    }
    array = zarr.create_array(
        path,
        shape=_SHAPE,
        dtype="u2",
        chunks=(1, 1, 1, 24, 32),
        dimension_names="tzcyx",
        attributes=attributes,
    )
    array[...] = noise(_SHAPE)


def _ome_zarr(version: str) -> Callable[[Path], None]:
    return lambda path: write_ome_zarr(path, [noise((2, 2, 3, 24, 32))], version)


def _nifti(path: Path) -> None:
    affine = np.array([[0.5, 0, 0, -10], [0, 0.4, -0.6, 20], [0, 0.3, 1.9, 5], [0, 0, 0, 1]])
    library: Any = nibabel
    image = library.Nifti1Image(noise((32, 24, 6, 3), "int16"), affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((*image.header.get_zooms()[:3], 2.0))
    library.save(image, path)


def _dicom(path: Path) -> None:
    for series in ("a", "b"):
        SeriesWriter(path / series).volume(noise((4, 24, 32), "int16"))


def _lif(path: Path) -> None:
    extent = {
        "X": (1e-5, 31 * 0.25e-6, "m"),
        "Y": (2e-5, 23 * 0.25e-6, "m"),
        "Z": (0, 2 * 2e-6, "m"),
        "T": (0, 5, "s"),
    }
    images = [LifImage(name, "TZCYX", noise(_SHAPE), extent) for name in ("well A", "well B")]
    write_lif(path, images)


def _nd2(path: Path) -> None:
    write_nd2(path, noise((2, 2, 3, 2, 24, 32)), "TPZCYX")


def _czi(path: Path) -> None:
    from pylibCZIrw import czi  # type: ignore[import-untyped]

    pixels = noise(_SHAPE)
    with czi.create_czi(str(path), compression_options="uncompressed:") as document:
        for t, z, c in np.ndindex(*_SHAPE[:3]):
            document.write(pixels[t, z, c][..., None], plane={"T": t, "C": c, "Z": z})
        document.write_metadata("test", scale_x=0.25e-6, scale_y=0.25e-6, scale_z=2e-6)


def _metamorph(path: Path) -> None:
    options: Any = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}
    for s, t, c in np.ndindex(2, 3, 2):
        name = f"{path.stem}_w{c + 1}_s{s + 1}_t{t + 1}.tif"
        tifffile.imwrite(path.with_name(name), noise((24, 32)), **options)
    path.write_text(
        '"DoTimelapse", TRUE\n"NTimePoints", 3\n"DoStage", TRUE\n"NStagePositions", 2\n'
    )


def _picture(path: Path) -> None:
    pixels = noise((24, 32, 3), "uint8") if path.suffix == ".jpg" else noise((24, 32))
    Image.fromarray(pixels).save(path)


def _folder(path: Path) -> None:
    path.mkdir()
    options: Any = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}
    for number in range(4):
        tifffile.imwrite(path / f"img{number:03}.tif", noise((24, 32)), **options)


def _video(path: Path) -> None:
    write_video(path, movie(6), "ffv1" if path.suffix == ".mkv" else "mpeg4")


def _gif(path: Path) -> None:
    frames = [Image.fromarray(frame) for frame in movie(6)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)


def _numpy(path: Path) -> None:
    np.save(path, noise((5, 24, 32)))


_READERS = "tests/napari_sam2/images/readers"
INPUTS = (
    InputFormat("TIFF", ".tif", _tiff, f"{_READERS}/tiff/test_reader.py"),
    InputFormat("ImageJ TIFF", ".tif", _imagej, f"{_READERS}/tiff/test_reader.py"),
    InputFormat("OME-TIFF", ".ome.tif", _ome, f"{_READERS}/tiff/test_reader.py"),
    InputFormat("set of TIFF", ".companion.ome", _companion, f"{_READERS}/tiff/test_companion.py"),
    InputFormat("Zarr", ".zarr", _zarr, f"{_READERS}/zarr/test_reader.py"),
    InputFormat("OME-Zarr 0.4", ".zarr", _ome_zarr("0.4"), f"{_READERS}/zarr/test_reader.py"),
    InputFormat("OME-Zarr 0.5", ".zarr", _ome_zarr("0.5"), f"{_READERS}/zarr/test_reader.py"),
    InputFormat("NIfTI", ".nii", _nifti, f"{_READERS}/test_nifti.py"),
    InputFormat("compressed NIfTI", ".nii.gz", _nifti, f"{_READERS}/test_nifti.py"),
    InputFormat("folder of DICOM", "", _dicom, f"{_READERS}/dicom/test_reader.py"),
    InputFormat("Leica LIF", ".lif", _lif, f"{_READERS}/microscopy/test_lif.py"),
    InputFormat("MetaMorph", ".nd", _metamorph, f"{_READERS}/raster/test_metamorph.py"),
    InputFormat("Nikon ND2", ".nd2", _nd2, f"{_READERS}/microscopy/test_nd2.py"),
    InputFormat("Zeiss CZI", ".czi", _czi, f"{_READERS}/microscopy/test_czi.py"),
    InputFormat("folder of images", "", _folder, f"{_READERS}/raster/test_folder.py"),
    InputFormat("PNG", ".png", _picture, f"{_READERS}/raster/test_folder.py"),
    InputFormat("JPEG", ".jpg", _picture, f"{_READERS}/raster/test_folder.py"),
    InputFormat("MP4", ".mp4", _video, f"{_READERS}/video/test_reader.py"),
    InputFormat("Matroska", ".mkv", _video, f"{_READERS}/video/test_reader.py"),
    InputFormat("GIF", ".gif", _gif, f"{_READERS}/video/test_reader.py"),
    InputFormat("NumPy", ".npy", _numpy, f"{_READERS}/test_arrays.py"),
)
