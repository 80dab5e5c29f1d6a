"""The program: its commands, and errors as messages and exit codes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from napari_sam2 import __version__
from napari_sam2.cli.commands import (
    demo,
    doctor,
    evaluate,
    evaluate_davis,
    find,
    info,
    measure,
    models,
    segment,
    sessions,
    train,
)
from napari_sam2.cli.commands.batch import batch
from napari_sam2.cli.commands.tracking import export, session_import
from napari_sam2.cli.console import ExitCode
from napari_sam2.cli.option_defaults import showing
from napari_sam2.core.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Segment and track objects through time or depth with SAM 2.",
)
app.command("segment", cls=showing(segment.defaults))(segment.segment)
app.command("find", cls=showing(find.defaults))(find.find)
app.command("batch", context_settings=batch.CONTEXT)(batch.batch)
app.command("resume")(sessions.resume)
app.command("worklist")(sessions.worklist)
app.command("replay", cls=showing(sessions.replay_defaults))(sessions.replay)
app.command("pack")(sessions.pack)
app.command("measure")(measure.measure)
app.command("export")(export.export)
app.command("import", cls=showing(session_import.defaults))(session_import.import_labels)
app.command("demo")(demo.demo)
app.command("info")(info.info)
app.add_typer(models.app, name="models")
app.command("evaluate", cls=showing(evaluate.defaults))(evaluate.evaluate)
app.command("evaluate-davis", cls=showing(evaluate_davis.defaults))(evaluate_davis.evaluate_davis)
app.command("train", cls=showing(train.defaults))(train.train)
app.command("doctor")(doctor.doctor)


def _show_version(given: bool) -> None:
    if given:
        typer.echo(f"napari-sam2 {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Options of the program itself."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        None uses the arguments of the process.

    Returns
    -------
    int
        An :class:`~napari_sam2.cli.console.ExitCode`, or the exit code of the command.

    Raises
    ------
    Exception
        Any error that is not caused by user input; see :func:`is_user_error`.
    """
    try:
        command()(arguments, prog_name="napari-sam2")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if not is_user_error(error):
            raise
        _print_error(str(error))
        return ExitCode.BAD_INPUT
    return ExitCode.DONE


@functools.cache
def command() -> Callable[..., object]:
    """Return the program as a function of arguments; typer takes a while to make it."""
    return typer.main.get_command(app)


def is_user_error(error: Exception) -> bool:
    """Return whether an error is caused by user input and its message says how to fix it."""
    # Compared by name, because importing SAM2Error would import torch.
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return isinstance(error, UserError) or "sam2_model.errors.SAM2Error" in names


def _print_error(message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble(("Error: ", "bold red"), message)
    Console(stderr=True).print(text, soft_wrap=True)
