"""``napari-sam2 batch``: segment many stacks on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from napari_sam2.batch.run import BatchOutcome
    from napari_sam2.batch.stacks import StackEntry, StackList
    from napari_sam2.workflows.job import SegmentationJob

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings of the command, whose other options are those of ``segment``."""
_DEFAULT_FORMAT = ".tif"

_Jobs = Annotated[
    Path, typer.Argument(metavar="JOBS.yaml|FOLDER", help="Job file, or folder of stacks.")
]
_Output = Annotated[Path, typer.Option(metavar="DIR", help="Folder of labels and report.")]
_Format = Annotated[
    str, typer.Option("--format", help="Ending of the labels: .tif, .ome.zarr, .nii.gz, ...")
]
_Scheduler = Annotated[
    str | None, typer.Option(metavar="tcp://...", help="Address of a running dask scheduler.")
]
_Workers = Annotated[
    int | None,
    typer.Option(help="Workers to start on this computer.", show_default="one per GPU, else 1"),
]
_Slurm = Annotated[
    Path | None, typer.Option(metavar="CONFIG.yaml", help="Start workers as SLURM jobs.")
]
_Shard = Annotated[str | None, typer.Option(metavar="I/N", help="Only part I, from 0, of N parts.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Resume a stopped batch.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier outputs.")]


def batch(
    context: typer.Context,
    jobs: _Jobs,
    output: _Output,
    ending: _Format = _DEFAULT_FORMAT,
    scheduler: _Scheduler = None,
    workers: _Workers = None,
    slurm: _Slurm = None,
    shard: _Shard = None,
    resume: _Resume = False,
    overwrite: _Overwrite = False,
) -> None:
    """Segment many stacks on the workers of a dask cluster, one stack per worker at a time.

    In a FOLDER, the prompts of NAME.tif are NAME.prompts.json, NAME.prompts.csv, NAME.labels.tif
    or its session. All options of segment apply too, e.g. --find everything --model micro.

    Exit codes: 0 all stacks done, 2 bad input and nothing computed, 3 a stack failed, 130
    interrupted. --resume continues after 3 and 130.
    """
    from napari_sam2.batch.cluster import ClusterOptions
    from napari_sam2.batch.job import BatchJob
    from napari_sam2.batch.run import run_batch
    from napari_sam2.batch.stacks import Shard
    from napari_sam2.cli.console import error_console, exit_code
    from napari_sam2.inference.remote.scheduler import check_installed

    check_installed()
    console = error_console()
    cluster = ClusterOptions(scheduler=scheduler, workers=workers, slurm=slurm)
    part = Shard() if shard is None else Shard.parse(shard)
    found, shared = _read(jobs, context.args)
    _print_notes(found, console)
    chosen = part.of(found.stacks)
    if not chosen:
        console.print(f"Shard {part} has no stack. Nothing to do.", markup=False)
        raise typer.Exit
    job = BatchJob(
        jobs=_jobs(chosen, shared, jobs.name, output, ending),
        folder=output,
        source=jobs if jobs.is_dir() else None,
        report="report" if shard is None else f"report-{part.number}-of-{part.count}",
        left_out=found.left_out,
        cluster=cluster,
        resume=resume,
        overwrite=overwrite,
    )
    outcome = run_batch(job, LineReporter(console))
    _print_outcome(outcome, console)
    raise typer.Exit(exit_code(outcome.ending))


class LineReporter:
    """Prints messages, and cancels on Ctrl-C.

    Implements :class:`napari_sam2.workflows.reporter.Reporter`.

    Parameters
    ----------
    console : Console
        Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def message(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False)

    def running(self, cancel: Callable[[], object] | None = None) -> AbstractContextManager[object]:
        """Return a context in which Ctrl-C calls ``cancel``."""
        from napari_sam2.cli.console import on_interrupt

        return nullcontext() if cancel is None else on_interrupt(cancel)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Discard the progress, of which each stack is a message."""


def _read(jobs: Path, arguments: Sequence[str]) -> tuple[StackList, dict[str, Any]]:
    """Return the stacks, and the options of all of them by parameter name."""
    from napari_sam2.batch.folder import read_folder
    from napari_sam2.batch.job_file import SUFFIXES, read_job_file
    from napari_sam2.cli.commands.batch.stack_options import StackOptions, merged, searches_alone
    from napari_sam2.core.errors import UserError

    if str(jobs).startswith("-"):
        raise UserError(f"Give the job file or the folder before {jobs}.")
    options = StackOptions()
    given = options.parse(arguments, "The command line")
    if jobs.is_dir() and "prompts" in given:
        raise UserError(
            "In a folder each stack has its own prompts beside it, so --prompts has no effect. "
            "Leave it out, or write a job file."
        )
    if jobs.is_dir():
        return read_folder(jobs, find=searches_alone(given)), given
    if jobs.suffix.lower() not in SUFFIXES:
        raise UserError(f"{jobs} is neither a folder nor a .yaml file. Give one of them.")
    found = read_job_file(jobs)
    return found, merged(options.parse_mapping(found.options, f"{jobs.name}: options"), given)


def _jobs(
    stacks: Sequence[StackEntry], shared: dict[str, Any], place: str, folder: Path, ending: str
) -> dict[str, SegmentationJob]:
    from napari_sam2.cli.commands.batch.stack_options import StackOptions, merged, stack_job

    options = StackOptions()
    return {
        stack.name: stack_job(
            merged(shared, options.parse_mapping(stack.options, f"{place}: {stack.name}")),
            stack,
            folder,
            ending,
        )
        for stack in stacks
    }


def _print_notes(found: StackList, console: Console) -> None:
    for name, reason in found.left_out.items():
        console.print(f"Left out: {name}: {reason}.", markup=False)
    for stack in found.stacks:
        for note in stack.notes:
            console.print(note, markup=False)


def _print_outcome(outcome: BatchOutcome, console: Console) -> None:
    from rich.table import Table

    from napari_sam2.batch.outcomes import COLUMNS, summary

    shown = ("name", "state", "objects", "frames", "seconds", "resumed", "message")
    table = Table(*shown)
    for stack in outcome.stacks:
        row = dict(zip(COLUMNS, stack.row, strict=True))
        table.add_row(*(row[name] for name in shown))
    console.print(table)
    console.print(f"{summary(outcome.stacks)} Report: {outcome.table} and {outcome.page}.")
