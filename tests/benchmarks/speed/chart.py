"""The chart of the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measuring import Row


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write bars of the times of all variants, and lines at their floors, as PNG."""
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys((row["network"], row["task"]) for row in rows))
    figure = Figure(figsize=(4 * min(3, len(groups)), 2.6 * -(-len(groups) // 3)))
    for number, group in enumerate(groups, 1):
        axes = figure.add_subplot(-(-len(groups) // 3), min(3, len(groups)), number)
        own = [row for row in rows if (row["network"], row["task"]) == group]
        names = [str(row["variant"]) for row in own]
        colors = ["C0" if name.startswith("ours") else "0.7" for name in names]
        axes.barh(names, [float(str(row["ms"])) for row in own], color=colors)
        floors = [float(str(row["floor ms"])) for row in own]
        axes.plot(floors, names, "k|", markersize=12, label="floor")
        axes.invert_yaxis()
        axes.set_title(f"{group[0]}: {group[1]}", fontsize=9)
        axes.set_xlabel("ms")
        axes.tick_params(labelsize=7)
    figure.legend(*axes.get_legend_handles_labels(), loc="lower right", fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
