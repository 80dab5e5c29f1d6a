"""Put the commands together and turn errors into messages and exit codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from napari_sam2 import __version__
from napari_sam2.cli.commands import (
    demo,
    doctor,
    evaluate,
    evaluate_davis,
    info,
    models,
    segment,
    train,
)
from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Segment and track objects through time or depth with SAM 2.",
)
app.command("segment")(segment.segment)
app.command("demo")(demo.demo)
app.command("info")(info.info)
app.add_typer(models.app, name="models")
app.command("evaluate")(evaluate.evaluate)
app.command("evaluate-davis")(evaluate_davis.evaluate_davis)
app.command("train")(train.train)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-sam2 {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and leave."
        ),
    ] = False,
) -> None:
    """Take what applies to every command."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process when not given.

    Returns
    -------
    int
        An :class:`~napari_sam2.cli.console.ExitCode`, or what the command itself ended with.

    Raises
    ------
    Exception
        Whatever is not the user's to mend, with its traceback.
    """
    command = typer.main.get_command(app)
    try:
        command(arguments, prog_name="napari-sam2")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if not is_users(error):
            raise
        _complain(str(error))
        return ExitCode.BAD_INPUT
    return ExitCode.DONE


def is_users(error: Exception) -> bool:
    """Whether an error is explained by its message alone, which says what to do."""
    # By name: importing the class would import the model, and torch with it.
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return isinstance(error, UserError) or "sam2_model.errors.SAM2Error" in names


def _complain(message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble(("Error: ", "bold red"), message)
    Console(stderr=True).print(text, soft_wrap=True)
