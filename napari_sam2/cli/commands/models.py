"""``napari-sam2 models``: list and download models, and identify a weights file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from sam2_model.checkpoint import ModelEntry

_Report = Callable[[int, int], None]

app = typer.Typer(no_args_is_help=True, help="List, download and inspect models.")


@app.command("list")
def list_models() -> None:
    """List the models that can be used by name."""
    from rich.console import Console

    from sam2_model.checkpoint import auto_model_name, available_models

    console = Console()
    console.print(table(available_models()))
    console.print(f"The model auto is {auto_model_name()} here.", highlight=False)
    console.print("\nModels that find boxes by text, for --text-model:", highlight=False)
    console.print(text_table())


@app.command("download")
def download(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names as shown by list.")],
) -> None:
    """Download models, to use them without a network later."""
    from rich.console import Console

    for name, fetch in [_fetcher(name) for name in names]:
        with _bar() as bar:
            path = fetch(partial(_update, bar, bar.add_task(name, total=None)))
        Console().print(f"{name} is at {path}", highlight=False, soft_wrap=True)


def _fetcher(name: str) -> tuple[str, Callable[[_Report], Path]]:
    """Return the full name of a model, and what downloads it and returns its path."""
    from napari_sam2.inference.text.catalog import TEXT_MODELS
    from napari_sam2.inference.text.weights import fetch_text_model
    from sam2_model.checkpoint.load import locate
    from sam2_model.checkpoint.registry import RELEASES

    if name in TEXT_MODELS:
        return name, partial(fetch_text_model, TEXT_MODELS[name])
    release = RELEASES.get(name)
    return release.name, lambda report: locate(release, progress=report)


@app.command("info")
def info(
    model: Annotated[str, typer.Argument(help="Name, or a .pt or .safetensors file.")],
) -> None:
    """Show the network of MODEL; a model that is not on this computer is downloaded."""
    from rich.console import Console

    from sam2_model.checkpoint import open_checkpoint
    from sam2_model.precision import resolve_precision

    checkpoint = open_checkpoint(model)
    network = checkpoint.network()
    config, console = checkpoint.config, Console(highlight=False, soft_wrap=True)
    count = sum(parameter.numel() for parameter in network.parameters())
    console.print(f"network     {config.name}, SAM {config.version.value}")
    if checkpoint.recognition is not None:
        console.print(f"weights of  {checkpoint.recognition}", markup=False)
    console.print(f"parameters  {count / 1e6:.1f} M")
    console.print(f"image size  {config.image_size} px")
    console.print(f"weights     {checkpoint.weights_hash[:16]}")
    console.print(f"dtype       auto is {resolve_precision('auto', 'cpu').value} on the CPU")
    for note in checkpoint.notes():
        console.print(f"Note: {note}", markup=False)


def table(entries: tuple[ModelEntry, ...]) -> Table:
    """Return a table of the models."""
    from rich.table import Table

    rows = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "parameters", "download", "here", "license", "good for"):
        rows.add_column(heading, no_wrap=heading != "good for")
    for entry in entries:
        size = f"{entry.download_bytes / 1e6:.0f} MB" if entry.download_bytes else "none"
        here = "yes" if entry.is_here else "no"
        count = f"{entry.parameters / 1e6:.1f} M"
        rows.add_row(entry.name, count, size, here, entry.license, entry.good_for)
    return rows


def text_table() -> Table:
    """Return a table of the models that find boxes by text."""
    from napari_sam2.inference.text.catalog import TEXT_MODELS
    from napari_sam2.inference.text.weights import is_downloaded
    from sam2_model.checkpoint import ModelEntry

    return table(
        tuple(
            ModelEntry(
                m.name, m.parameters, m.license, m.download_bytes, m.good_for, is_downloaded(m)
            )
            for m in TEXT_MODELS.values()
        )
    )


def _update(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def _bar() -> Progress:
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        transient=True,
    )
