"""Reading text files, and writing files that appear only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_sam2.core.errors import UserError


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, without its byte order mark.

    Raises
    ------
    UserError
        If the file is missing, is a folder, cannot be read or is not UTF-8 text.
    """
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not a text file in UTF-8 encoding.") from error
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror}.") from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file with :func:`atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and move that file to ``path`` on success.

    The file is flushed to the disk first, so after a crash ``path`` holds either the old or the
    new content, complete. On an error the temporary file is removed and ``path`` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
