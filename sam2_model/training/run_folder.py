"""The files of a training run: checkpoints, averaged weights, the log and its plot."""

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
    """Where a run is kept.

    Parameters
    ----------
    path : Path
        Made when missing.
    """

    path: Path

    @property
    def log(self) -> Path:
        """One CSV row per report: step, seconds, losses, validation."""
        return self.path / "log.csv"

    def save(self, content: Mapping[str, Any], name: str = "last.pt") -> Path:
        """Write tensors so that an interruption leaves the earlier file whole."""
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.path / name
        draft = target.with_suffix(".part")
        torch.save(dict(content), draft)
        os.replace(draft, target)
        return target

    def load(self, name: str = "last.pt") -> dict[str, Any] | None:
        """Read what :meth:`save` wrote, or return None where there is nothing."""
        path = self.path / name
        if not path.exists():
            return None
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return content

    def append(self, row: Mapping[str, float | int | str]) -> None:
        """Add a row to the log; columns that it lacks stay empty."""
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
        """Read the log."""
        if not self.log.exists():
            return []
        with self.log.open(newline="") as file:
            return list(csv.DictReader(file))

    def plot(self) -> Path | None:
        """Draw the log as ``log.png``; needs matplotlib, and returns None without rows."""
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
