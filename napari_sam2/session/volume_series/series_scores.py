"""Scores of the masks of a series of volumes, one row for each object and plane."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.masks.scores import CSV_COLUMNS, ScoreRow, ScoreTable

if TYPE_CHECKING:
    from napari_sam2.session.session import SegmentationSession


class SeriesScores(ScoreTable):
    """Rows of all volumes; ``frame`` counts the planes of all of them, and ``index`` is (t, z).

    Parameters
    ----------
    volumes : mapping of int to SegmentationSession
        The session of each time point, with frames along z.
    """

    def __init__(self, volumes: Mapping[int, SegmentationSession]) -> None:
        super().__init__()
        for time, session in volumes.items():
            first = time * session.stack.n_frames
            for row in session.scores.rows():
                self.add(replace(row, frame=first + row.frame))

    def write_csv(self, path: Path) -> None:
        """Write all rows with a header line; the columns t and z replace ``frame``."""
        write_plane_scores(path, self.rows())


def write_plane_scores(path: Path, rows: Iterable[ScoreRow]) -> None:
    """Write a table with one row per object and plane.

    The columns are t and z, and those of :meth:`napari_sam2.masks.scores.ScoreTable.write_csv`
    without its frame.

    Parameters
    ----------
    path : Path
        The CSV file; replaced if it exists.
    rows : iterable of ScoreRow
        The rows, whose index is (t, z).
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("t", "z", *CSV_COLUMNS[1:]))
        for row in rows:
            writer.writerow((*row.index, *row.csv_values()[1:]))
