"""How the stacks of a batch ended, and the tables that report it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from html import escape
from pathlib import Path

from napari_sam2.core.atomic_files import write_text


class StackState(Enum):
    """How one stack of a batch ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LEFT_OUT = "left out"


@dataclass(frozen=True, kw_only=True)
class StackOutcome:
    """How one stack of a batch ended, which is a row of the report.

    Parameters
    ----------
    name : str
        Name of the stack.
    state : StackState
        How it ended.
    source : str
        File, folder or URL of the images.
    output : str
        The labels; empty if there are none.
    scores : str
        The table of scores; empty if there is none.
    objects : int
        Number of objects.
    frames : int
        Number of frames computed; those that are computed in both directions count twice.
    seconds : float
        Time of the last attempt.
    resumed : bool
        Whether the run resumed one that had been stopped before.
    worker : str
        Address of the worker that finished it.
    message : str
        Why it is not done, and what to do; empty if it is done.
    notes : tuple of str
        What was reported during the run.
    """

    name: str
    state: StackState
    source: str
    output: str = ""
    scores: str = ""
    objects: int = 0
    frames: int = 0
    seconds: float = 0.0
    resumed: bool = False
    worker: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()

    @property
    def row(self) -> tuple[str, ...]:
        """Texts of the columns of the report."""
        return (
            self.name,
            self.state.value,
            str(self.objects),
            str(self.frames),
            f"{self.seconds:.1f}",
            "yes" if self.resumed else "no",
            self.worker,
            self.message,
            self.source,
            self.output,
            self.scores,
            " | ".join(self.notes),
        )


COLUMNS = (
    *("name", "state", "objects", "frames", "seconds", "resumed", "worker", "message"),
    *("input", "output", "scores", "notes"),
)
"""Columns of the report."""


def summary(outcomes: Iterable[StackOutcome]) -> str:
    """Return how many stacks ended in which way."""
    counts = Counter(outcome.state for outcome in outcomes)
    parts = [f"{counts[state]} {state.value}" for state in StackState if counts[state]]
    return f"{', '.join(parts) or 'no stacks'}."


def write_reports(outcomes: Sequence[StackOutcome], folder: Path, name: str) -> tuple[Path, Path]:
    """Write the report as a CSV and an HTML file, and return their paths."""
    table, page = folder / f"{name}.csv", folder / f"{name}.html"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *(outcome.row for outcome in outcomes)])
    write_text(table, text.getvalue())
    write_text(page, _html(outcomes))
    return table, page


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>napari-sam2 batch</title>
<style>body {{font-family: sans-serif}} table {{border-collapse: collapse}}
th, td {{border: 1px solid #bbb; padding: 0.3em 0.6em; text-align: left; vertical-align: top}}
tr.failed td {{background: #fdd}} tr.interrupted td {{background: #ffd}}
tr.left {{color: #777}}</style>
<h1>napari-sam2 batch</h1><p>{summary}</p>
<table><tr>{header}</tr>
{rows}
</table></html>
"""


def _html(outcomes: Sequence[StackOutcome]) -> str:
    rows = [
        f'<tr class="{outcome.state.value}">{"".join(map(_cell, outcome.row))}</tr>'
        for outcome in outcomes
    ]
    header = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return _PAGE.format(summary=escape(summary(outcomes)), header=header, rows="\n".join(rows))


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"
