"""``napari-sam2 evaluate-davis``: J and F on DAVIS 2017, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sam2.cli.option_defaults import (
    DtypeOption,
    InputSizeOption,
    converted,
    defaults_of,
    given,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from napari_sam2.workflows.evaluation.davis import DavisScores, ObjectScore
    from napari_sam2.workflows.evaluation.davis_run import DavisJob, DavisOutcome


def defaults() -> dict[str, Any]:
    """Return the defaults that the help shows."""
    from napari_sam2.workflows.evaluation.davis_run import DavisJob

    return defaults_of(DavisJob)


_Text = str | None


def evaluate_davis(
    davis: Annotated[
        Path,
        typer.Argument(metavar="DAVIS", help="Folder with ImageSets, JPEGImages and Annotations."),
    ],
    model: Annotated[_Text, typer.Option(help="Name, or a weights file.")] = None,
    split: Annotated[_Text, typer.Option(help="A list in ImageSets/2017.")] = None,
    sequence: Annotated[
        list[str] | None, typer.Option(help="Only this sequence; repeatable.")
    ] = None,
    max_sequences: Annotated[int | None, typer.Option(min=1, help="Maximum number.")] = None,
    device: Annotated[_Text, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    dtype: DtypeOption = None,
    input_size: InputSizeOption = None,
    output: Annotated[Path | None, typer.Option(help="Folder for predicted PNG files.")] = None,
    csv: Annotated[Path | None, typer.Option(help="One row per sequence and object.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Reuse the predictions found in --output.")
    ] = False,
) -> None:
    """Track every object from its ground truth mask on the first frame; J and F of DAVIS 2017.

    Exit codes: 0 done, 2 bad input and nothing written, 3 stopped part-way with finished sequences
    kept, 130 interrupted. --resume continues after 3 and 130.
    """
    from rich.console import Console

    from napari_sam2.cli.console import ConsoleReporter, error_console, exit_code
    from napari_sam2.workflows.evaluation.davis_run import DavisJob, run_davis

    options = given(
        model=model,
        split=split,
        sequences=sequence,
        max_sequences=max_sequences,
        device=device,
        dtype=converted(str, dtype),
        input_size=input_size,
        output=output,
        csv=csv,
    )
    job = DavisJob(davis=davis, resume=resume, **options)
    errors = error_console()
    outcome = run_davis(job, ConsoleReporter(errors))
    _print_ending(outcome, job, errors)
    if outcome.scores is not None:
        title = f"{outcome.model.name}, {job.split}"
        Console(soft_wrap=True).print(table(outcome.scores, title))
    raise typer.Exit(exit_code(outcome.ending))


def table(scores: DavisScores, title: str) -> Table:
    """Return J and F of every object, and their means over all objects."""
    from rich.table import Table

    count = len({score.sequence for score in scores.objects})
    full_title = f"{title}: {count} sequence" + ("s" if count > 1 else "")
    rows = Table("sequence", "object", "J", "F", "J&F", title=full_title, title_justify="left")
    for score in scores.objects:
        rows.add_row(score.sequence, str(score.object_id), *_formatted(score))
    rows.add_section()
    rows.add_row("mean over objects", str(len(scores.objects)), *_formatted(scores))
    return rows


def _formatted(score: ObjectScore | DavisScores) -> Iterator[str]:
    values = (score.region, score.boundary, score.region_and_boundary)
    return (f"{value:.3f}" for value in values)


def _print_ending(outcome: DavisOutcome, job: DavisJob, console: Console) -> None:
    from napari_sam2.cli.console import RESUME_HINT, ExitCode, exit_code

    hint = f"Finished sequences are kept. {RESUME_HINT}"
    if job.output is None:
        hint = "Nothing was kept. Give --output to be able to resume."
    code = exit_code(outcome.ending)
    if code is ExitCode.INTERRUPTED:
        console.print(f"Interrupted. {hint}", markup=False)
    elif code is ExitCode.STOPPED_PART_WAY:
        console.print(f"Stopped: {outcome.error} {hint}", markup=False, style="red")
