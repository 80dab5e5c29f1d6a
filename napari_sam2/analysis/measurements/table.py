"""Tables of measurements as CSV or Parquet files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.core.errors import UserError

Row = Mapping[str, object]

TABLE_ENDINGS = (".csv", ".parquet")
"""Endings of the names of tables."""
_ROWS_AT_ONCE = 10_000
_TEXTS = ("unit", "name", "class")
_INTEGERS = ("label", "frame", "parent", "longest_diameter_plane")


def check_table_path(path: Path) -> None:
    """Check that a table can be written to a path.

    Raises
    ------
    UserError
        If its format is unknown or needs a library that is missing, it is a folder, or its folder
        does not exist.
    """
    if path.suffix.lower() not in TABLE_ENDINGS:
        raise UserError(
            f"Cannot write a table to {path.name}. Give a name that ends in .csv or .parquet."
        )
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise UserError(
            f"Writing {path.name} needs pyarrow. Install it: pip install 'napari-sam2[parquet]'. "
            "Or write a .csv."
        )
    if path.is_dir():
        raise UserError(f"{path} is a folder. Give a file for the table.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {path.parent}. Create it first.")


def write_table(path: Path, rows: Iterable[Row], columns: Sequence[str]) -> int:
    """Write rows to a .csv or .parquet file and return their number; None is an empty cell.

    In a .parquet, numbers of objects, frames and pixels are 64-bit integers, units, names and
    classes are texts, and all else is 64-bit floating point.
    """
    with atomic_write(path) as temporary:
        write = _write_parquet if path.suffix.lower() == ".parquet" else _write_csv
        return write(temporary, rows, columns)


def _write_csv(path: Path, rows: Iterable[Row], columns: Sequence[str]) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for count, row in enumerate(rows, 1):  # noqa: B007
            writer.writerow(row)
    return count


def _write_parquet(path: Path, rows: Iterable[Row], columns: Sequence[str]) -> int:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    count, left = 0, iter(rows)
    schema: Any = pyarrow.schema([(name, _parquet_type(name)) for name in columns])
    with ParquetWriter(path, schema) as writer:
        while batch := list(islice(left, _ROWS_AT_ONCE)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _parquet_type(column: str) -> str:
    """Return the name of the type of a column."""
    if column in _TEXTS or column.endswith("_unit"):
        return "string"
    return "int64" if column in _INTEGERS or column.startswith("bbox-") else "float64"
