"""Files of a training run: checkpoints, averaged weights, log and plot."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

_LOSSES = ("total", "cross_entropy", "dice", "iou", "presence")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a training run.

    Parameters
    ----------
    path : Path
        Folder, which is created if necessary.
    """

    path: Path

    @property
    def log(self) -> Path:
        """The CSV log with step, seconds, losses and validation figures."""
        return self.path / "log.csv"

    def save(self, content: Mapping[str, Any], name: str = "last.pt") -> Path:
        """Write tensors; an existing file is replaced only after everything is written."""
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.path / name
        draft = target.with_suffix(".part")
        torch.save(dict(content), draft)
        os.replace(draft, target)
        return target

    def load(self, name: str = "last.pt") -> dict[str, Any] | None:
        """Return the tensors that :meth:`save` wrote, or None if there is no file."""
        path = self.path / name
        if not path.exists():
            return None
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return content

    def append(self, row: Mapping[str, float | int | str]) -> None:
        """Append a row to the log; missing columns stay empty."""
        self.path.mkdir(parents=True, exist_ok=True)
        rows = self.rows()
        columns = list(dict.fromkeys([*(rows[0] if rows else ()), *row]))
        if rows and columns == list(rows[0]):
            with self.log.open("a", newline="") as file:
                csv.DictWriter(file, columns).writerow(row)
            return
        draft = self.log.with_suffix(".part")
        with draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows([*rows, row])
        os.replace(draft, self.log)

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the log."""
        if not self.log.exists():
            return []
        with self.log.open(newline="") as file:
            return list(csv.DictReader(file))

    def plot(self) -> Path | None:
        """Plot the log to ``log.png`` with matplotlib and return its path, or None without rows."""
        from matplotlib.figure import Figure

        rows = self.rows()
        if not rows:
            return None
        figure = Figure(figsize=(9, 4), layout="constrained")
        losses, scores = figure.subplots(1, 2)
        for name in rows[0]:
            points = [(float(r["seconds"]) / 60, float(r[name])) for r in rows if r.get(name)]
            if name in ("step", "seconds", "rate", "kind") or not points:
                continue
            axes = losses if name.rsplit(".", 1)[-1] in _LOSSES else scores
            axes.plot(*zip(*points, strict=True), label=name)
        for axes in (losses, scores):
            axes.set_xlabel("minutes")
            axes.legend(fontsize=6)
        target = self.path / "log.png"
        figure.savefig(target)
        return target
