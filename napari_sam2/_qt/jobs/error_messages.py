"""Errors in plain words, with what can be done."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import Enum

from napari_sam2.core.errors import StackReadError, UserError


class Remedy(Enum):
    """What a button beside a fault does; the value is its text."""

    SMALLER_MODEL = "Use a smaller model"
    CPU = "Use the CPU"
    TRY_AGAIN = "Try again"


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """What went wrong.

    Parameters
    ----------
    text : str
        What happened and what to do, for people who use the plugin.
    remedies : tuple of Remedy
        What may help.
    """

    text: str
    remedies: tuple[Remedy, ...] = ()

    @classmethod
    def of(cls, error: BaseException) -> ErrorMessage:
        """Return what to tell of an error."""
        short = is_memory(error)
        return cls(words(error), (Remedy.SMALLER_MODEL, Remedy.CPU) if short else ())


def is_memory(error: BaseException) -> bool:
    """Whether there was too little memory, of the GPU or of the computer."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def words(error: BaseException) -> str:
    """Return what happened and what to do, for people who use the plugin."""
    text = str(error) or type(error).__name__
    if isinstance(error, StackReadError):
        return f"{text} Frames that are done stay; mend the file and propagate again."
    if is_memory(error):
        return (
            "The memory of the device is full; what is done stays. Go on with a smaller model or "
            "on the CPU: what was asked for is then done again."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Make room or save elsewhere; nothing is lost in the viewer."
    if isinstance(error, PermissionError):
        return f"Not allowed to write there: {text}. Choose another folder."
    if isinstance(error, UserError) or type(error).__module__.startswith("sam2_model"):
        return text
    return f"{type(error).__name__}: {text}. What is done stays."
