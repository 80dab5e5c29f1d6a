"""Reader of File > Open for saved sessions: the image, whose session the widget continues."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_sam2.viewer.contributions.reader import LayerData


def get_session_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return a reader for a session folder or a packed session, else None."""
    from napari_sam2.session.storage.session_archive import ARCHIVE_SUFFIX
    from napari_sam2.session.storage.session_folder import SessionFolder

    if isinstance(path, list) or not path:
        return None
    packed = path.endswith(ARCHIVE_SUFFIX) and Path(path).is_file()
    return read_session if packed or SessionFolder.exists(Path(path)) else None


def read_session(path: str) -> list[LayerData]:
    """Open the image of a session as layers that name the session in their metadata.

    A packed session is unpacked first. Open the widget to continue the session.

    Raises
    ------
    UserError
        If the session or its image cannot be opened.
    """
    from napari.utils.notifications import show_info

    from napari_sam2.session.storage.session_archive import session_folder_of
    from napari_sam2.session.storage.session_folder import read_description
    from napari_sam2.session.storage.session_image import image_path
    from napari_sam2.viewer.contributions.reader import read

    folder = session_folder_of(Path(path))
    if folder != Path(path):
        show_info(f"The session was unpacked into {folder}.")
    source = image_path(folder, read_description(folder))
    return read(str(source), folder)
