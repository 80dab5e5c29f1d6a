"""The error for a change of a locked mask."""

from __future__ import annotations

from napari_sam2.core.errors import UserError


def locked_error(object_id: int, frame: int) -> UserError:
    """Return the error for a change of a locked mask."""
    return UserError(
        f"Object {object_id} is locked on frame {frame}. Unlock it there to change it."
    )
