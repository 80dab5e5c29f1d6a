"""``napari-sam2 demo``: a complete example on a generated movie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam2.cli.option_defaults import DtypeChoice


def demo(
    output: Annotated[Path, typer.Option(help="Folder for all files.")] = Path("napari-sam2-demo"),
    dtype: Annotated[DtypeChoice, typer.Option(help="Number format.")] = DtypeChoice.AUTO,
) -> None:
    """Make a movie of cells, segment and track them from one click each, and draw the result.

    Needs no network and no display.
    """
    from rich.console import Console

    from napari_sam2.cli.console import ConsoleReporter, error_console, exit_code, print_outcome
    from napari_sam2.workflows.demo import run_demo

    errors = error_console()
    outcome = run_demo(output, ConsoleReporter(errors), dtype=dtype.value)
    print_outcome(outcome.run, errors)
    if outcome.mean_iou is None:
        raise typer.Exit(exit_code(outcome.run.ending))
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Mean IoU with the ground truth: {outcome.mean_iou:.2f}")
    files = outcome.files
    for path in (files.movie, files.labels, files.scores, files.overlay, files.animation):
        console.print(str(path), markup=False)
