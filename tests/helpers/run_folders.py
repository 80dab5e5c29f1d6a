"""The folder of a run, read by another process during the run."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def finished_masks(folder: Path) -> int:
    """Return how many masks of a run are stored, also while it is running."""
    database = folder / "masks.sqlite"
    try:
        # Read from a copy, because the run locks its file.
        copy = folder.with_suffix(".copy")
        copy.write_bytes(database.read_bytes())
        with sqlite3.connect(copy) as connection:
            return int(connection.execute("SELECT count(*) FROM journal").fetchone()[0])
    except (OSError, sqlite3.Error):
        return 0
