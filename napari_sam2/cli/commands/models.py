"""``napari-sam2 models``: which models there are, fetching them, and what a weights file is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from sam2_model.checkpoint import ModelEntry

app = typer.Typer(no_args_is_help=True, help="List, fetch and inspect models.")


@app.command("list")
def list_models() -> None:
    """List the models that have a name."""
    from rich.console import Console

    from sam2_model.checkpoint import auto_model_name, available_models

    console = Console()
    console.print(table(available_models()))
    console.print(f"The model auto is {auto_model_name()} here.", highlight=False)


@app.command("download")
def download(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As list shows them.")],
) -> None:
    """Fetch models, to work without a network later."""
    from rich.console import Console

    from sam2_model.checkpoint.load import locate
    from sam2_model.checkpoint.registry import RELEASES

    for release in [RELEASES.get(name) for name in names]:
        with _bar() as bar:
            report = partial(_show, bar, bar.add_task(release.name, total=None))
            path = locate(release, progress=report)
            report(path.stat().st_size, path.stat().st_size)
        Console().print(f"{release.name} is at {path}", highlight=False, soft_wrap=True)


@app.command("info")
def info(
    model: Annotated[str, typer.Argument(help="Name, or a .pt or .safetensors file.")],
) -> None:
    """Say which network MODEL is; a name that is not here is fetched."""
    from rich.console import Console

    from sam2_model.checkpoint import load_model, weights_hash

    network = load_model(model, device="cpu")
    config, console = network.config, Console(highlight=False, soft_wrap=True)
    count = sum(parameter.numel() for parameter in network.parameters())
    console.print(f"network     {config.name}, SAM {config.version.value}")
    console.print(f"parameters  {count / 1e6:.1f} M")
    console.print(f"image size  {config.image_size} px")
    console.print(f"weights     {weights_hash(network)[:16]}")


def table(entries: tuple[ModelEntry, ...]) -> Table:
    """Return the models as a table."""
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "parameters", "download", "here", "licence", "good for"):
        made.add_column(heading, no_wrap=heading != "good for")
    for entry in entries:
        size = f"{entry.download_bytes / 1e6:.0f} MB" if entry.download_bytes else "none"
        here = "yes" if entry.is_here else "no"
        count = f"{entry.parameters / 1e6:.1f} M"
        made.add_row(entry.name, count, size, here, entry.licence, entry.good_for)
    return made


def _show(bar: Progress, task: TaskID, here: int, whole: int) -> None:
    bar.update(task, completed=here, total=whole)


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
