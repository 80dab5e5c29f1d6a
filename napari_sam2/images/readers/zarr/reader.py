"""Opening of a Zarr array, or of one image of an OME-Zarr group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import Source, find_scene, scene_note
from napari_sam2.images.readers.zarr.collection import Collection, find_images, ome_attributes
from napari_sam2.images.readers.zarr.multiscale import image_metadata
from napari_sam2.images.readers.zarr.plain import (
    dimension_names,
    read_plain,
    with_coordinates,
)
from napari_sam2.images.readers.zarr.storage import metadata_files, missing_chunks_note, open_node

if TYPE_CHECKING:
    import zarr


def read_zarr(location: str, name: str, scene: str | int | None = None) -> Source:
    """Open a Zarr array, or an OME-Zarr image of a group; only metadata are read.

    Parameters
    ----------
    location : str
        A folder, a ``.zip`` or ``.ozx`` file, or an fsspec URL.
    name : str
        Short name for messages.
    scene : str, int or None
        Name or number of the image in a group of several, e.g. ``"B/03/0"`` of a plate; None
        opens the first.

    Raises
    ------
    UserError
        If it is missing or damaged, or if a group holds no image or several arrays.
    """
    import zarr

    node = open_node(location, name)
    if isinstance(node, zarr.Array):
        return read_plain(node, name, location)
    return _group(node, location, name, scene)


def read_group(group: zarr.Group, scene: str | int | None = None) -> Source:
    """Open an OME-Zarr image, or the only array, of a group that is already open.

    Raises
    ------
    UserError
        If the group holds no image or several arrays.
    """
    location = str(group.store_path).removeprefix("file://")
    return _group(group, location, group.basename or "the group", scene)


def _group(group: zarr.Group, location: str, name: str, scene: str | int | None) -> Source:
    try:
        if ome_attributes(group).get("multiscales"):
            return _image(group, location, name, scene)
        found = find_images(group, location, name)
        if found is not None:
            return _scene(group, found, location, name, scene)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"The OME-Zarr metadata of {name} are damaged: {error}.") from error
    return _only_array(group, location, name)


def _scene(
    group: zarr.Group, found: Collection, location: str, name: str, scene: str | int | None
) -> Source:
    """Open one image of a collection."""
    if scene is None:
        opened, child, missing = _first_image(group, found, name)
    else:
        opened, child, missing = _chosen_image(group, found, name, scene)
    path = found.paths[opened]
    source = _image(child, f"{location.rstrip('/')}/{path}", f"{name}/{path}", None)
    notes = scene_note(found.names, opened, name) if scene is None else ()
    several = len(found.names) > 1
    return replace(
        source,
        files=tuple(sorted({*source.files, *metadata_files(location)})),
        notes=notes + missing + found.notes + source.notes,
        scenes=found.names if several else (),
        scene=found.names[opened] if several else None,
    )


def _child(group: zarr.Group, path: str) -> zarr.Group | None:
    import zarr

    child = group.get(path)
    return child if isinstance(child, zarr.Group) else None


def _chosen_image(
    group: zarr.Group, found: Collection, name: str, scene: str | int
) -> tuple[int, zarr.Group, tuple[str, ...]]:
    number = find_scene(found.names, scene, name)
    child = _child(group, found.paths[number])
    if child is None:
        raise UserError(
            f"{name} lists the image {found.paths[number]}, which is missing: choose another one "
            "with --scene."
        )
    return number, child, ()


def _first_image(
    group: zarr.Group, found: Collection, name: str
) -> tuple[int, zarr.Group, tuple[str, ...]]:
    """Return the first image that exists, and a note about those before it."""
    for number, path in enumerate(found.paths):
        if (child := _child(group, path)) is not None:
            lost = ", ".join(found.paths[: min(number, 5)]) + (", ..." if number > 5 else "")
            notes = (f"{name} lists images that are missing: {lost}.",) if number else ()
            return number, child, notes
    raise UserError(f"{name} lists no image that exists: check that it was copied completely.")


def _only_array(group: zarr.Group, location: str, name: str) -> Source:
    """Open the only array besides the coordinates of its dimensions, as xarray writes them."""
    import zarr

    children = sorted(group.keys())
    nodes = {key: node for key in children if isinstance(node := group[key], zarr.Array)}
    coordinates = {key: node for key, node in nodes.items() if dimension_names(node) == (key,)}
    arrays = [key for key in nodes if key not in coordinates]
    if len(arrays) != 1:
        found = f"it holds {', '.join(children[:8])}" if children else "it is empty"
        advice = "Open one of its arrays." if nodes else "Open one of them."
        raise UserError(f"{name} is a Zarr group without an OME-Zarr image; {found}. {advice}")
    source = read_plain(nodes[arrays[0]], f"{name}/{arrays[0]}", location, arrays[0])
    return with_coordinates(source, dimension_names(nodes[arrays[0]]), coordinates)


def _image(group: zarr.Group, location: str, name: str, scene: str | int | None) -> Source:
    attributes: Mapping[str, Any] = dict(group.attrs)
    images = ome_attributes(group)["multiscales"]
    scenes = tuple(str(image.get("name") or number) for number, image in enumerate(images))
    opened = 0 if scene is None else find_scene(scenes, scene, name)
    image = images[opened]
    paths = [str(entry["path"]) for entry in image.get("datasets", ())]
    arrays = _levels(group, paths, name)
    # The specification orders levels from fine to coarse; not all writers do.
    order = sorted(range(len(arrays)), key=lambda i: -math.prod(arrays[i].shape))
    stated = image_metadata(attributes, image, order[0], arrays[0].ndim, name)
    several = len(scenes) > 1
    is_label = "image-label" in ome_attributes(group)
    missing = () if is_label else missing_chunks_note(arrays[order[0]], name)
    return Source(
        tuple(WrappedArray(arrays[i]) for i in order),
        name,
        axes=stated.axes,
        calibration=stated.calibration,
        files=metadata_files(location, paths[order[0]]),
        notes=(scene_note(scenes, opened, name) if scene is None else ()) + stated.notes + missing,
        scenes=scenes if several else (),
        scene=scenes[opened] if several else None,
        channel_names=stated.channel_names,
    )


def _levels(group: zarr.Group, paths: list[str], name: str) -> list[zarr.Array[Any]]:
    import zarr

    try:
        levels = [group[path] for path in paths]
    except KeyError as error:
        raise UserError(
            f"{name} is damaged: its metadata list the level {error}, which is missing."
        ) from error
    arrays = [level for level in levels if isinstance(level, zarr.Array)]
    if not arrays or len(arrays) != len(paths):
        raise UserError(f"{name} is damaged: its metadata list no arrays.")
    return arrays
