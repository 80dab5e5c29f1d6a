"""File > IO Utilities: open any image that this plugin reads."""

from __future__ import annotations

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog

from napari_sam2.core.errors import UserError
from napari_sam2.viewer.contributions.commands import open_image


def choose_image(viewer: Viewer) -> None:
    """Ask for a file and open it, lazily and with axes, pixel sizes and units."""
    path, _ = QFileDialog.getOpenFileName(None, "Open with SAM 2")
    if not path:
        return
    try:
        open_image(viewer, path)
    except UserError as error:
        show_error(str(error))
