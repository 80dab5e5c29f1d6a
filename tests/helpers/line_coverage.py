"""Line coverage of the code with and without training, from a report of SlipCover."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TRAINING = "sam2_model/training/"


def line_coverage(files: dict[str, Any]) -> float:
    """Return the share of lines that were run, in percent; 0 without any line."""
    run, missing = (
        sum(len(file[f"{kind}_lines"]) for file in files.values())
        for kind in ("executed", "missing")
    )
    return 100 * run / max(run + missing, 1)


def summary(report: dict[str, Any]) -> str:
    """Return the coverage without training and of training, as two lines.

    Parameters
    ----------
    report : dict
        What SlipCover writes as JSON.
    """
    files = report["files"]
    training = {name: file for name, file in files.items() if name.startswith(TRAINING)}
    rest = {name: file for name, file in files.items() if name not in training}
    return (
        f"Line coverage, without training: {line_coverage(rest):.1f} %\n"
        f"Line coverage of training: {line_coverage(training):.1f} %"
    )


if __name__ == "__main__":
    sys.stdout.write(summary(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))) + "\n")
