"""Messages for errors: what happened and what to do."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from napari_sam2.core.errors import ConnectionLostError, StackReadError, UserError


class Remedy(Enum):
    """What a button beside a message does; the value is its text."""

    SMALLER_MODEL = "Use a smaller model"
    CPU = "Use the CPU"
    TRY_AGAIN = "Try again"
    SAVE_AGAIN = "Save again"
    OTHER_FOLDER = "Choose another folder"
    UNSAVED = "Continue without saving"


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """An error as shown to the user.

    Parameters
    ----------
    text : str
        What happened and what to do.
    remedies : tuple of Remedy
        Actions that may help.
    """

    text: str
    remedies: tuple[Remedy, ...] = ()

    @classmethod
    def of(cls, error: BaseException) -> ErrorMessage:
        """Return the message for an error."""
        memory = is_out_of_memory(error)
        return cls(_text(error), (Remedy.SMALLER_MODEL, Remedy.CPU) if memory else ())

    @classmethod
    def of_unsaved_session(cls, error: OSError, folder: Path | None) -> ErrorMessage:
        """Return the message for a session that cannot be saved.

        Parameters
        ----------
        error : OSError
            Why.
        folder : Path or None
            Where it was saved until now; None if it was not.
        """
        other = f"The session cannot be saved: {(error.strerror or str(error)).rstrip('.')}."
        reason = "The disk is full." if _is_disk_full(error) else other
        earlier = f" {folder} has what was saved before." if folder is not None else ""
        return cls(
            f"{reason} The session continues in memory, until napari is closed. Make space and "
            f"save again, or choose another folder.{earlier}",
            (Remedy.SAVE_AGAIN, Remedy.OTHER_FOLDER, Remedy.UNSAVED),
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the memory of the GPU or of the computer was full."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def _is_disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _text(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, StackReadError):
        return f"{text} Finished frames are kept. Fix the file and propagate again."
    if is_out_of_memory(error):
        return (
            "The memory of the device is full. Finished masks are kept. Choose a smaller model or "
            "the CPU; the failed steps are then repeated."
        )
    if _is_disk_full(error):
        return "The disk is full. Free space or save elsewhere; the masks in the viewer are kept."
    if isinstance(error, PermissionError):
        return f"The folder cannot be written: {text}. Choose another folder."
    if isinstance(error, UserError | ConnectionLostError) or type(error).__module__.startswith(
        "sam2_model"
    ):
        return text
    return (
        f"An unexpected error: {type(error).__name__}: {text.rstrip('.')}. Finished masks are "
        "kept. Try again; if it happens again, report it with the output of napari-sam2 doctor."
    )
