"""Zarr arrays and OME-Zarr images, versions 2 and 3, local, zipped or by URL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import axes_from_names
from napari_sam2.images.calibration import PIXEL, Calibration
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import Source, find_scene, scene_note

if TYPE_CHECKING:
    import zarr

_MARKERS = ("zarr.json", ".zarray", ".zgroup")


def is_zarr_folder(path: Path) -> bool:
    """Return whether a folder is a Zarr array or group."""
    return any((path / marker).is_file() for marker in _MARKERS)


def read_zarr(location: str, name: str, scene: str | int | None = None) -> Source:
    """Open a Zarr array, or the OME-Zarr image of a group; only metadata are read.

    Parameters
    ----------
    location : str
        A folder, a ``.zip`` or ``.ozx`` file, or an fsspec URL.
    name : str
        Short name for messages.
    scene : str, int or None
        Name or number of the image in a group of several; None opens the first.

    Raises
    ------
    UserError
        If it is missing or damaged, or if a group holds no image or several arrays.
    """
    import zarr

    node = open_node(location, name)
    if isinstance(node, zarr.Array):
        return _plain(node, name, _metadata_files(location, ""))
    return _image(node, location, name, scene)


def read_group(group: zarr.Group, scene: str | int | None = None) -> Source:
    """Open the OME-Zarr image, or the only array, of a group that is already open.

    Raises
    ------
    UserError
        If the group holds no image or several arrays.
    """
    location = str(group.store_path).removeprefix("file://")
    return _image(group, location, group.basename or "the group", scene)


def open_node(location: str, name: str) -> zarr.Array[Any] | zarr.Group:
    """Open a Zarr array or group for reading.

    Raises
    ------
    UserError
        If it cannot be opened.
    """
    import zarr
    from zarr.storage import ZipStore

    store: Any = location
    try:
        if location.endswith((".zip", ".ozx")) and "://" not in location:
            store = ZipStore(location, mode="r")
        return zarr.open(store, mode="r")
    except ImportError as error:
        raise UserError(f"Cannot open {name}: {error}. Install that package.") from error
    except Exception as error:
        raise UserError(f"Cannot open {name} as zarr: {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")


def _metadata_files(location: str, path: str) -> tuple[Path, ...]:
    if "://" in location:
        return ()
    root = Path(location)
    if root.is_file():
        return (root,)
    places = {root, root / path}
    return tuple(sorted(p / m for p in places for m in _MARKERS if (p / m).is_file()))


def _plain(array: zarr.Array[Any], name: str, files: tuple[Path, ...]) -> Source:
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS")
    named = isinstance(names, (list, tuple)) and any(names)
    axes = axes_from_names(names) if named and names is not None else None  # type: ignore[arg-type]
    return Source((WrappedArray(array),), name, axes=axes, files=files)


def _image(group: zarr.Group, location: str, name: str, scene: str | int | None = None) -> Source:
    attributes: Mapping[str, Any] = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    if images := ome.get("multiscales"):
        try:
            return _multiscale(group, images, location, name, scene)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"The OME-Zarr metadata of {name} are damaged: {error}.") from error
    if "plate" in ome:
        raise UserError(f"{name} is a plate of many images: open one field, e.g. {name}/A/1/0.")
    children = sorted(group.keys())
    if "bioformats2raw.layout" in ome and "0" in children:
        return read_zarr(_join(location, "0"), f"{name}/0")
    return _only_array(group, children, location, name)


def _join(location: str, path: str) -> str:
    return location.rstrip("/") + "/" + path


def _only_array(group: zarr.Group, children: list[str], location: str, name: str) -> Source:
    import zarr

    arrays = [key for key in children if isinstance(group[key], zarr.Array)]
    if len(arrays) != 1:
        found = f"it holds {', '.join(children[:8])}" if children else "it is empty"
        raise UserError(
            f"{name} is a Zarr group without an OME-Zarr image; {found}. Open one of its arrays."
        )
    array = group[arrays[0]]
    assert isinstance(array, zarr.Array)
    return _plain(array, f"{name}/{arrays[0]}", _metadata_files(location, arrays[0]))


def _multiscale(
    group: zarr.Group,
    images: list[Mapping[str, Any]],
    location: str,
    name: str,
    scene: str | int | None,
) -> Source:
    import zarr

    scenes = tuple(str(image.get("name", number)) for number, image in enumerate(images))
    opened = 0 if scene is None else find_scene(scenes, scene, name)
    image = images[opened]
    paths = [str(entry["path"]) for entry in image.get("datasets", ())]
    try:
        levels = [group[path] for path in paths]
    except KeyError as error:
        raise UserError(
            f"{name} is damaged: its metadata list the level {error}, which is missing."
        ) from error
    arrays = [level for level in levels if isinstance(level, zarr.Array)]
    if not arrays or len(arrays) != len(paths):
        raise UserError(f"{name} is damaged: its metadata list no arrays.")
    axes, units = _axes(image, arrays[0].ndim)
    scale = _transform(image, axes, "scale")
    origin = _transform(image, axes, "translation")
    return Source(
        tuple(WrappedArray(array) for array in arrays),
        name,
        axes=axes,
        calibration=Calibration.of(axes, scale, units, origin=origin),
        files=_metadata_files(location, paths[0]),
        notes=scene_note(scenes, opened, name) if scene is None else (),
        scenes=scenes,
        scene=scenes[opened],
    )


def _axes(image: Mapping[str, Any], dimensions: int) -> tuple[str, list[str]]:
    """Return axis letters and units; versions before 0.3 have neither and imply TCZYX."""
    entries = image.get("axes") or list("tczyx"[-dimensions:])
    if len(entries) != dimensions:
        raise ValueError(f"{len(entries)} axes for {dimensions} dimensions")
    names = [entry["name"] if isinstance(entry, Mapping) else entry for entry in entries]
    axes = axes_from_names(names)
    units = [
        str(entry["unit"]) if isinstance(entry, Mapping) and entry.get("unit") else PIXEL
        for entry in entries
    ]
    return axes, units


def _transform(image: Mapping[str, Any], axes: str, kind: str) -> list[float]:
    """Return scale or translation of the first level by axis, combined with the image's own."""
    values = [1.0 if kind == "scale" else 0.0] * len(axes)
    for source in (image["datasets"][0], image):
        for step in source.get("coordinateTransformations") or ():
            if step.get("type") == "scale":
                factors = [float(factor) for factor in step["scale"]]
                values = [v * f for v, f in zip(values, factors, strict=True)]
            elif step.get("type") == kind:
                values = [v + float(d) for v, d in zip(values, step[kind], strict=True)]
    return values
