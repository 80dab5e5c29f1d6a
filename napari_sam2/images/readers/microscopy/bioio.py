"""Files of other microscopes, read by bioio and the reader plugins that are installed."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration, unit_name
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import Source, find_scene, scene_note
from napari_sam2.images.readers.other_formats import conversion_advice

if TYPE_CHECKING:
    import bioio

_PLUGINS = {
    ".dv": "bioio-dv",
    ".r3d": "bioio-dv",
    ".sldy": "bioio-sldy",
    ".vsi": "bioio-bioformats",
    ".oib": "bioio-bioformats",
    ".oif": "bioio-bioformats",
    ".ims": "bioio-bioformats",
    ".zvi": "bioio-bioformats",
    ".mrc": "bioio-bioformats",
    ".lei": "bioio-bioformats",
}
"""The reader plugin for each suffix that is known to have one."""


def read_bioio(path: Path, scene: str | int | None = None) -> Source:
    """Open a file by the first reader plugin of bioio that supports it.

    Parameters
    ----------
    path : Path
        The file.
    scene : str, int or None
        Name or number of the scene; None opens the first one.

    Raises
    ------
    UserError
        If bioio is missing, or no installed plugin reads the file.
    """
    advice = conversion_advice(path)
    try:
        import bioio
    except ImportError as error:
        raise UserError(_unknown_format(path, "napari-sam2[bioio]", advice)) from error
    logging.getLogger("bioio.bio_image").setLevel(logging.ERROR)
    try:
        image = bioio.BioImage(path)
        scenes = tuple(str(name) for name in image.scenes)
    except Exception as error:
        reported = "" if advice else f" bioio reports: {_first_sentence(error)}."
        raise UserError(_unknown_format(path, None, advice) + reported) from error
    number = 0 if scene is None else find_scene(scenes, scene, path.name)
    notes = scene_note(scenes, number, path.name) if scene is None else ()
    try:
        image.set_scene(number)
        source = _source(image, path.name, scenes, number)
    except Exception as error:
        raise UserError(f"Cannot read {path.name}: {_first_sentence(error)}.") from error
    through = f"{path.name} is read through bioio ({type(image.reader).__module__})."
    return replace(source, files=(path,), notes=(*notes, through))


def read_bioimage(image: bioio.BioImage, scene: str | int | None = None) -> Source:
    """Read an image that bioio has opened.

    Parameters
    ----------
    image : bioio.BioImage
        The image; its own scene is not changed.
    scene : str, int or None
        Name or number of the scene; None reads the scene that the image shows.

    Raises
    ------
    UserError
        If there is no such scene, or the plugin cannot read it.
    """
    scenes = tuple(str(name) for name in image.scenes)
    shown = int(image.current_scene_index)
    number = shown if scene is None else find_scene(scenes, scene, "The BioImage")
    try:
        image.set_scene(number)
        return _source(image, "the BioImage", scenes, number)
    except Exception as error:
        raise UserError(f"Cannot read the BioImage: {_first_sentence(error)}.") from error
    finally:
        image.set_scene(shown)


def _unknown_format(path: Path, extra: str | None, advice: str | None) -> str:
    if advice is not None:
        return f"{path.suffix} files such as {path.name} are not read. {advice}"
    plugin = _PLUGINS.get(path.suffix.lower(), "bioio-bioformats")
    packages = " ".join(f"'{name}'" if "[" in name else name for name in (extra, plugin) if name)
    return (
        f"{path.name} has no known format: use Zarr, TIFF, NIfTI, DICOM, CZI, ND2, LIF, a video, "
        "an image or a folder of images. Files of other microscopes are read through bioio and a "
        f"reader plugin: pip install {packages}."
    )


def _first_sentence(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0].rstrip(".")


def _source(image: bioio.BioImage, name: str, scenes: tuple[str, ...], number: int) -> Source:
    """Return the source of the open scene, without the axes of one that bioio adds."""
    array = image.xarray_dask_data
    axes = "".join(str(dim) for dim in array.dims)
    kept = [axis in "YX" or length > 1 for axis, length in zip(axes, array.shape, strict=True)]
    data = array.data[tuple(slice(None) if keep else 0 for keep in kept)]
    letters = "".join(axis for axis, keep in zip(axes, kept, strict=True) if keep)
    names = image.channel_names if "C" in letters else None
    return Source(
        (WrappedArray(data, image),),
        name,
        "".join(axis if axis in "TCZYXS" else "?" for axis in letters),
        _calibration(image),
        scenes=scenes,
        scene=scenes[number],
        channel_names=tuple(str(name) for name in names or ()),
    )


def _calibration(image: bioio.BioImage) -> Calibration:
    """Return the sizes that the plugin states; those in space are micrometers if it has no unit."""
    properties: Any = _attribute(image, "dimension_properties")
    sizes = _attribute(image, "physical_pixel_sizes")
    steps = {}
    for axis in "ZYX":
        size = getattr(sizes, axis, None)
        unit = getattr(getattr(properties, axis, None), "unit", None)
        if size:
            steps[axis] = AxisStep(abs(float(size)), unit_name(str(unit)) if unit else "micrometer")
    interval = _attribute(image, "time_interval")
    seconds = interval.total_seconds() if hasattr(interval, "total_seconds") else interval
    if seconds:
        steps["T"] = AxisStep(float(seconds), "second")
    return Calibration(steps)


def _attribute(image: bioio.BioImage, name: str) -> Any:
    """Return a property, None where the plugin does not implement it."""
    try:
        return getattr(image, name)
    except Exception:
        return None
