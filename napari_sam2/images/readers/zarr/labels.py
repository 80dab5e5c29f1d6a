"""Label images inside OME-Zarr images."""

from __future__ import annotations

from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.zarr.storage import open_node

_PACKED = (".zip", ".ozx")


def label_location(source: str | Path) -> str | Path:
    """Return the location of the only label image inside an OME-Zarr image; others as they are.

    Parameters
    ----------
    source : str or Path
        A file, a folder or a URL.

    Raises
    ------
    UserError
        If the image has several label images, or is a packed file, whose labels have no location.
    """
    text = str(source).rstrip("/")
    if "://" in text:
        return _only(f"{text}/labels", _listed(text), source)
    path = Path(source)
    if path.suffix.lower() in _PACKED and path.is_file():
        if names := _listed(str(path)):
            raise UserError(
                f"{path.name} is a packed image with labels ({', '.join(names)}). Unpack it, and "
                "give the folder."
            )
        return source
    labels = path / "labels"
    if not any((labels / marker).is_file() for marker in ("zarr.json", ".zgroup")):
        return source
    return _only(labels, sorted(child.name for child in labels.iterdir() if child.is_dir()), source)


def _only(labels: str | Path, names: list[str], source: str | Path) -> str | Path:
    """Return the location of the only one of the label images in a group."""
    if not names:
        return source
    first = labels / names[0] if isinstance(labels, Path) else f"{labels}/{names[0]}"
    if len(names) > 1:
        raise UserError(
            f"{Path(source).name} holds several label images ({', '.join(names)}). Give one of "
            f"them, e.g. {first}."
        )
    return first


def _listed(image: str) -> list[str]:
    """Return the label images that an image lists; none if it is no OME-Zarr image with labels."""
    import zarr

    # What a failed request raises depends on the kind of the URL. The image itself is opened later,
    # with a message if it cannot be read.
    try:
        group = open_node(image, image)
        labels = group["labels"] if isinstance(group, zarr.Group) else None
        attributes = labels.attrs.asdict() if isinstance(labels, zarr.Group) else {}
    except Exception:
        return []
    stated = attributes.get("ome", attributes)
    names = stated.get("labels") if isinstance(stated, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []
