"""Files and folders of an input, which no output may change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers import local_path
from napari_sam2.images.readers.base import Source


def input_paths(given: Any, source: Source) -> tuple[Path, ...]:
    """Return the local folders and files of an input.

    Parameters
    ----------
    given : path, URL, array or list of them
        What the user gave.
    source : Source
        The input, opened.
    """
    local = local_path(str(given)) if isinstance(given, (str, Path)) else None
    folders = (local if local is not None and local.is_dir() else None, input_folder(source))
    return (*(folder for folder in folders if folder is not None), *source.files)


def input_folder(source: Source) -> Path | None:
    """Return the folder of an input that is a folder of images, None for other inputs."""
    folders = {path.parent for path in source.files}
    if len(folders) == 1 and (folder := next(iter(folders))).name == source.name:
        return folder
    return None


def check_outside(written: Path, read: Path) -> None:
    """Raise an error if writing a file or folder would change an input.

    Parameters
    ----------
    written, read : Path
        The file or folder that is written, and the one that is read.

    Raises
    ------
    UserError
        If they are the same, or one contains the other.
    """
    ours, theirs = written.resolve(), read.resolve()
    if theirs in ours.parents:
        raise UserError(
            f"The output {written} would change the input folder {read}, in which it lies: "
            "choose an output in another folder."
        )
    if ours == theirs or ours in theirs.parents:
        raise UserError(
            f"The output {written} would change the input {read}: choose another output."
        )
