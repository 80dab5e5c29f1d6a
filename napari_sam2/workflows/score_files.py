"""Checks of the CSV files that scores are written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.input_files import check_outside


def check_score_file(scores: Path, inputs: Iterable[Path], *, replaces: bool) -> None:
    """Check that the scores of a job can be written to a path.

    Parameters
    ----------
    scores : Path
        The CSV file.
    inputs : iterable of Path
        The files that the job reads.
    replaces : bool
        Whether an earlier file may be replaced.

    Raises
    ------
    UserError
        If the file would replace an input or exists, or cannot be written.
    """
    for read in inputs:
        if scores.resolve() == read.resolve():
            raise UserError(f"The scores would replace the input {scores}. Choose another file.")
        check_outside(scores, read)
    check_csv_path(scores)
    if scores.exists() and not replaces:
        raise UserError(f"{scores} exists. Choose another file for the scores, or --overwrite it.")


def check_csv_path(path: Path) -> None:
    """Check that a CSV file of scores can be written to a path.

    Raises
    ------
    UserError
        If the path is a folder, or its folder does not exist.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder. Give a file for the scores.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {path.parent} for the scores. Create it first.")


def check_different_files(output: Path, tables: Mapping[str, Path | None]) -> None:
    """Check that tables are not the labels, do not lie inside them, and are not one file.

    Parameters
    ----------
    output : Path
        The labels.
    tables : mapping of str to Path or None
        The tables to write, by option.

    Raises
    ------
    UserError
        Names the options.
    """
    written = {output.resolve(): "--output"}
    for option, path in tables.items():
        if path is None:
            continue
        place = path.resolve()
        for other in (place, *place.parents):
            if other in written:
                raise UserError(
                    f"{option} and {written[other]} both write {other}. Give two files."
                )
        written[place] = option
