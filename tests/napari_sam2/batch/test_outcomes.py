"""Reports of a batch."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

from napari_sam2.batch.outcomes import (
    COLUMNS,
    StackOutcome,
    StackState,
    summary,
    write_reports,
)

OUTCOMES = [
    StackOutcome(name="a", state=StackState.DONE, source="a.tif", objects=2, notes=("x", "y")),
    StackOutcome(name="b", state=StackState.FAILED, source="b.tif", message='No "<b>" & c,\nd'),
    StackOutcome(name="c", state=StackState.LEFT_OUT, source="c", message="no prompts"),
]


class Cells(HTMLParser):
    """Collects the texts of all table cells."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data


def test_both_reports_have_each_stack(tmp_path: Path) -> None:
    table, page = write_reports(OUTCOMES, tmp_path, "report")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["done", "failed", "left out"]
    assert rows[1]["message"] == OUTCOMES[1].message
    assert rows[0]["notes"] == "x | y"
    cells = Cells()
    cells.feed(page.read_text(encoding="utf-8"))
    assert cells.rows[0] == list(COLUMNS)
    assert cells.rows[2][COLUMNS.index("message")] == OUTCOMES[1].message


def test_the_summary_counts_states() -> None:
    assert summary(OUTCOMES) == "1 done, 1 failed, 1 left out."
    assert summary([]) == "no stacks."
