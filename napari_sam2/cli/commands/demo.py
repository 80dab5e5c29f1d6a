"""``napari-sam2 demo``: the whole job on a generated movie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option(help="Folder for all that is made.")] = Path(
        "napari-sam2-demo"
    ),
) -> None:
    """Make a movie of cells, segment and track them from one click each, and draw the result.

    Needs no network and no display.
    """
    from rich.console import Console

    from napari_sam2.cli.console import ExitCode
    from napari_sam2.workflows.demo import DemoFiles, write_movie, write_pictures
    from napari_sam2.workflows.job import SegmentOptions
    from napari_sam2.workflows.run import run

    files = DemoFiles(output)
    files.check()
    write_movie(files)
    options = SegmentOptions(
        source=str(files.movie),
        prompts=files.prompts,
        output=files.labels,
        scores=files.scores,
        model="micro",
        overwrite=True,
    )
    code = run(options)
    if code is not ExitCode.DONE:
        raise typer.Exit(code)
    agreement = write_pictures(files)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Mean IoU with the known truth: {agreement:.2f}")
    for path in (files.movie, files.labels, files.scores, files.overlay, files.animation):
        console.print(str(path), markup=False)
