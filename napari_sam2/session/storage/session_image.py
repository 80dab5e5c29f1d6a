"""The image of a saved session, opened again from its file."""

from __future__ import annotations

from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.session.storage.session_description import SessionDescription


def image_path(folder: Path, description: SessionDescription) -> Path:
    """Return the image of a session: where it was, else beside the folder under the same name.

    Raises
    ------
    UserError
        If the session is of an image without a file, or the file is in neither place.
    """
    if not description.source:
        raise UserError(
            f"The session {folder.name} is of the image {description.name!r}, which has no file. "
            "Save the image to a file and give the file."
        )
    before = Path(description.source)
    beside = folder.absolute().parent / before.name
    for path in (before, beside):
        if path.exists():
            return path
    raise UserError(
        f"The image of the session is neither {before} nor {beside}. Put it there, or give its "
        "path."
    )


def open_session_image(source: Path | str, description: SessionDescription) -> Stack:
    """Open the image of a session, along its axis and with its channels.

    Raises
    ------
    UserError
        If the image cannot be opened, or has other axes or another shape.
    """
    along, scene = description.along, description.scene
    channels = description.channels or None
    guessed: UserError | None = None
    for axes in (None, description.native_axes):
        try:
            stack = open_stack(source, axes=axes, along=along, channels=channels, scene=scene)
            description.check_shape(stack)
        except UserError as error:
            guessed = guessed or error
        else:
            return stack
    raise guessed or AssertionError
