"""Put the commands together and turn errors into messages and exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import click
import typer
from rich.console import Console

from napari_sam2 import __version__
from napari_sam2.cli import doctor
from napari_sam2.cli.exit_codes import ExitCode
from napari_sam2.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Segment and track objects through time or depth with SAM 2.",
)
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-sam2 {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and leave."
    ),
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
        An :class:`~napari_sam2.cli.exit_codes.ExitCode`.
    """
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="napari-sam2", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.BAD_INPUT
    except click.Abort:
        return ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if not is_users(error):
            raise
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        return ExitCode.BAD_INPUT
    return int(code or 0)


def is_users(error: Exception) -> bool:
    """Whether an error is explained by its message alone, which says what to do."""
    named = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return isinstance(error, UserError) or "sam2_model.errors.SAM2Error" in named
