"""Errors in plain words, with what can be done."""

from __future__ import annotations

import errno

from napari_sam2.errors import StackReadError, UserError


def words(error: BaseException) -> str:
    """Return what happened and what to do, for people who use the plugin."""
    text = str(error) or type(error).__name__
    if isinstance(error, StackReadError):
        return f"{text} Frames that are done stay; mend the file and propagate again."
    if "out of memory" in text.lower() or isinstance(error, MemoryError):
        return (
            "The memory of the device is full. Choose a smaller model, or the CPU as device, and "
            "propagate again; what is done stays."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Make room or save elsewhere; nothing is lost in the viewer."
    if isinstance(error, PermissionError):
        return f"Not allowed to write there: {text}. Choose another folder."
    if isinstance(error, UserError) or type(error).__module__.startswith("sam2_model"):
        return text
    return f"{type(error).__name__}: {text}. What is done stays."
