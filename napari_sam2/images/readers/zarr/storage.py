"""Opening of Zarr stores, and the files that hold their metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    import zarr

_MOST_CHUNKS = 2048
"""Largest number of chunks that are counted when an array is opened."""
_MARKERS = ("zarr.json", ".zarray", ".zgroup")


def is_zarr_folder(path: Path) -> bool:
    """Return whether a folder is a Zarr array or group."""
    return any((path / marker).is_file() for marker in _MARKERS)


def open_node(location: str, name: str) -> zarr.Array[Any] | zarr.Group:
    """Open a Zarr array or group for reading.

    Parameters
    ----------
    location : str
        A folder, a ``.zip`` or ``.ozx`` file, or an fsspec URL.
    name : str
        Short name for messages.

    Raises
    ------
    UserError
        If it cannot be opened.
    """
    import zarr
    from zarr.storage import ZipStore

    store: Any = location
    folder = ""
    try:
        if location.endswith((".zip", ".ozx")) and "://" not in location:
            folder = _folder_in_zip(location)
            store = ZipStore(location, mode="r")
        return zarr.open(store, mode="r", path=folder)
    except UserError:
        raise
    except ImportError as error:
        raise UserError(f"Cannot open {name}: {error}. Install that package.") from error
    except Exception as error:
        raise UserError(f"Cannot open {name} as zarr: {_first_line(error)}.") from error


def _folder_in_zip(location: str) -> str:
    """Return the folder of a zip file that is the Zarr, empty if it is the root.

    Raises
    ------
    UserError
        If neither the root nor the only folder is a Zarr, or the file is no zip file.
    """
    name = Path(location).name
    try:
        with ZipFile(location) as opened:
            names = set(opened.namelist())
    except BadZipFile as error:
        raise UserError(f"{name} is not a zip file, or it is damaged: {error}.") from error
    folders = {entry.partition("/")[0] for entry in names} - {"__MACOSX"}
    roots = ["", *(folders if len(folders) == 1 else ())]
    for root in roots:
        if any((f"{root}/{marker}" if root else marker) in names for marker in _MARKERS):
            return root
    listed = ", ".join(sorted(folders)[:5])
    raise UserError(f"{name} holds no Zarr ({listed}): unpack it and open what it holds.")


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")


def metadata_files(location: str, *paths: str) -> tuple[Path, ...]:
    """Return the local files with the metadata of a root and of nodes below it."""
    if "://" in location:
        return ()
    root = Path(location)
    if root.is_file():
        return (root,)
    places = {root, *(root / path for path in paths)}
    return tuple(sorted(p / m for p in places for m in _MARKERS if (p / m).is_file()))


def missing_chunks_note(array: zarr.Array[Any], name: str) -> tuple[str, ...]:
    """Return a note if chunks of a local array are not stored, so that they are read as one value.

    Writers leave out chunks without content; an incomplete copy lacks others. Arrays with many
    chunks are not examined.
    """
    from zarr.storage import LocalStore

    if not isinstance(array.store, LocalStore) or array.nchunks > _MOST_CHUNKS:
        return ()
    missing = array.nchunks - array.nchunks_initialized
    if missing <= 0:
        return ()
    return (
        f"{missing} of {array.nchunks} chunks of {name} are not stored and are read as "
        f"{array.fill_value}: they are empty, or the copy is incomplete.",
    )
