"""A session folder as one zip file, to send or to keep."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.core.errors import UserError
from napari_sam2.session.storage.session_folder import SessionFolder, free_folder
from napari_sam2.session.storage.session_location import SUFFIX, data_folder

ARCHIVE_SUFFIX = f"{SUFFIX}.zip"
"""Ending of the names of packed sessions."""
_FILES = ("session.json", "masks.sqlite")


def pack_session(path: Path, output: Path | None = None) -> Path:
    """Write a session folder to a zip file and return its path; the image is not included.

    Parameters
    ----------
    path : Path
        The folder of the session.
    output : Path or None
        The zip file; None adds ``.zip`` to the name of the folder. An earlier file is replaced.

    Raises
    ------
    UserError
        If there is no session, or it is in use.
    """
    # A database that is open elsewhere could change while it is copied.
    SessionFolder.open(path).close()
    target = path.with_name(f"{path.name}.zip") if output is None else output
    with (
        atomic_write(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in _FILES:
            archive.write(path / name, name)
    return target


def unpack_session(archive: Path, folder: Path | None = None) -> Path:
    """Unpack a session and return its folder, whose name is new.

    Parameters
    ----------
    archive : Path
        The zip file.
    folder : Path or None
        The folder to make the session's folder in; None is that of the zip file if it can be
        written, else the user's data folder.

    Raises
    ------
    UserError
        If the file is no packed session.
    OSError
        If no folder can be written.
    """
    folders = (archive.parent, data_folder()) if folder is None else (folder,)
    name = archive.name.removesuffix(".zip").removesuffix(SUFFIX) + SUFFIX
    try:
        with zipfile.ZipFile(archive) as packed:
            if not set(_FILES) <= set(packed.namelist()):
                raise UserError(f"{archive} is not a packed session. Choose another file.")
            return _extract(packed, [parent / name for parent in folders])
    except zipfile.BadZipFile as error:
        raise UserError(f"{archive} is damaged: {error}.") from error


def _extract(packed: zipfile.ZipFile, paths: list[Path]) -> Path:
    for number, wanted in enumerate(paths):
        path = free_folder(wanted)
        try:
            path.mkdir(parents=True)
        except OSError:
            if number == len(paths) - 1:
                raise
            continue
        for name in _FILES:
            with packed.open(name) as source, (path / name).open("wb") as target:
                shutil.copyfileobj(source, target)
        return path
    raise AssertionError


def session_folder_of(path: Path) -> Path:
    """Return the folder of a session that is given as a folder or as a packed session."""
    return unpack_session(path) if path.suffix == ".zip" else path
