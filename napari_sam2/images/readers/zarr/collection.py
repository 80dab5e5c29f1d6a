"""Groups of several OME-Zarr images: positions, plates and wells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True)
class Collection:
    """The images of a group.

    Parameters
    ----------
    paths : tuple of str
        Path of each image in the group.
    names : tuple of str
        Name of each image as a scene.
    notes : tuple of str
        Messages for the user about images that are missing.
    """

    paths: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def ome_attributes(group: zarr.Group) -> Mapping[str, Any]:
    """Return the OME-Zarr attributes of a group, those of version 0.5 without their key."""
    attributes: Mapping[str, Any] = dict(group.attrs)
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) else attributes


def find_images(group: zarr.Group, location: str, name: str) -> Collection | None:
    """Return the images of a plate, of a well, or of the layout of bioformats2raw.

    Returns None if the group is none of these and no group in it is an image.

    Raises
    ------
    UserError
        If it should hold images and holds none, or if it holds labels.
    """
    ome = ome_attributes(group)
    if "plate" in ome:
        found = _plate(group, ome["plate"], name)
    elif "well" in ome:
        found = _collection([str(image["path"]) for image in ome["well"]["images"]])
    elif "bioformats2raw.layout" in ome or "bioformats2raw.layout" in group.attrs:
        found = _positions(group, location)
    elif isinstance(ome.get("labels"), list):
        raise UserError(
            f"{name} holds labels, not an image ({', '.join(map(str, ome['labels'][:8]))}): open "
            "the image, or one of the labels."
        )
    else:
        found = _collection(_image_groups(group))
        if not found.paths:
            return None
    if not found.paths:
        raise UserError(f"{name} lists no image that exists: check that it was copied completely.")
    return found


def _collection(paths: list[str], notes: tuple[str, ...] = ()) -> Collection:
    return Collection(tuple(paths), tuple(paths), notes)


def _plate(group: zarr.Group, plate: Mapping[str, Any], name: str) -> Collection:
    """Return the fields of all wells that exist, named like ``B/03/0``."""
    import zarr

    paths: list[str] = []
    empty = 0
    for entry in plate.get("wells") or ():
        well = group.get(str(entry["path"]))
        images = ome_attributes(well).get("well", {}) if isinstance(well, zarr.Group) else {}
        fields = [str(image["path"]) for image in images.get("images") or ()]
        paths += [f"{entry['path']}/{field}" for field in fields]
        empty += not fields
    wells = "1 well" if empty == 1 else f"{empty} wells"
    holds = "holds" if empty == 1 else "hold"
    notes = (f"{wells} of the plate {name} {holds} no image.",) if empty and paths else ()
    return _collection(paths, notes)


def _positions(group: zarr.Group, location: str) -> Collection:
    """Return the images of the layout of bioformats2raw, named by its OME-XML where there is one.

    The order is that of the attribute ``series`` of the group OME, else 0, 1, 2 and so on.
    """
    import zarr

    extra = group.get("OME")
    listed = ome_attributes(extra).get("series") if isinstance(extra, zarr.Group) else None
    paths = [str(path) for path in listed or ()]
    while not listed and str(len(paths)) in group:
        paths.append(str(len(paths)))
    names = _ome_names(location, len(paths))
    return Collection(tuple(paths), names or tuple(paths))


def _ome_names(location: str, count: int) -> tuple[str, ...]:
    """Return the image names in the OME-XML of a local group; empty if they are not all known."""
    from napari_sam2.images.readers.tiff.ome import parse_ome

    path = Path(location) / "OME" / "METADATA.ome.xml"
    if "://" in location or not path.is_file():
        return ()
    ome = parse_ome(path.read_text(encoding="utf-8"))
    names = tuple(image.name or "" for image in ome.images) if ome is not None else ()
    return names if len(set(names)) == count and len(names) == count and all(names) else ()


def _image_groups(group: zarr.Group) -> list[str]:
    """Return the groups in a group that are OME-Zarr images, except labels."""
    return sorted(
        name
        for name, child in group.groups()
        if name != "labels" and "multiscales" in ome_attributes(child)
    )
