"""Tables of measurements as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.core.errors import UserError

Row = Mapping[str, object]


def check_table_path(path: Path) -> None:
    """Check that a table can be written to a path.

    Raises
    ------
    UserError
        If its format is unknown, it is a folder, or its folder does not exist.
    """
    if path.suffix.lower() != ".csv":
        raise UserError(f"Cannot write a table to {path.name}. Give a name that ends in .csv.")
    if path.is_dir():
        raise UserError(f"{path} is a folder. Give a file for the table.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {path.parent}. Create it first.")


def write_table(path: Path, rows: Iterable[Row], columns: Sequence[str]) -> int:
    """Write rows to a .csv file and return their number; None is an empty cell."""
    count = 0
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for count, row in enumerate(rows, 1):  # noqa: B007
            writer.writerow(row)
    return count
