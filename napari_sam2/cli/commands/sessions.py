"""``napari-sam2 resume``, ``replay`` and ``pack``: open, repeat and send saved sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_sam2.cli.option_defaults import DtypeChoice, converted, defaults_of, given

_Session = Annotated[
    Path, typer.Argument(metavar="SESSION", help="Folder of a session, or a packed session.")
]


def replay_defaults() -> dict[str, Any]:
    """Return the defaults that the help of ``replay`` shows."""
    from napari_sam2.workflows.replay import ReplayJob

    return defaults_of(ReplayJob)


def resume(session: _Session) -> None:
    """Open SESSION in napari, with its image.

    Exit codes: that of napari; 2 bad input.
    """
    import subprocess
    import sys

    from napari_sam2.session.storage.session_folder import read_description
    from napari_sam2.session.storage.session_image import image_path

    if session.suffix != ".zip":
        image_path(session, read_description(session))
    command = [sys.executable, "-m", "napari", str(session), "--plugin", "napari-sam2"]
    command += ["--with", "napari-sam2", "Segment and track"]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def worklist(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|REPORT", help="Stacks, or the output or report of a batch."),
    ],
) -> None:
    """Open the stacks of FOLDER in napari as a list, to correct and save one after the other.

    Exit codes: that of napari; 2 bad input.
    """
    import subprocess
    import sys

    from napari_sam2.session.worklist.storage import open_worklist

    open_worklist(folder)
    command = [sys.executable, "-m", "napari_sam2._qt.worklist", str(folder.absolute())]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def replay(
    session: _Session,
    output: Annotated[Path, typer.Option(help="Labels, as for segment.")],
    source: Annotated[
        Path | None, typer.Option("--input", help="The image, if it was moved.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A name or a weights file.", show_default="the session's")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    dtype: Annotated[
        DtypeChoice | None, typer.Option(help="Number format.", show_default="the session's")
    ] = None,
    input_size: Annotated[
        int | None,
        typer.Option(
            min=32,
            metavar="PIXELS",
            help="Side of the model's input.",
            show_default="the session's",
        ),
    ] = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes", help="Replay although the image or the model has changed."
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier output.")
    ] = False,
) -> None:
    """Compute the labels of SESSION again from the log of its actions.

    All predictions, runs and refinements are computed in their order, and the labels are compared
    with those of the session.

    SESSION is not changed. Exit codes: 0 done, 2 bad input, 130 interrupted; nothing is written
    then.
    """
    from napari_sam2.cli.console import ConsoleReporter, ExitCode, error_console
    from napari_sam2.workflows.replay import ReplayJob, replay_session

    console = error_console()
    options = given(source=source, model=model, device=device)
    options |= given(dtype=converted(str, dtype), input_size=input_size)
    options |= {"accept_changes": accept_changes, "overwrite": overwrite}
    job = ReplayJob(session, output, **options)
    outcome = replay_session(job, ConsoleReporter(console))
    if outcome.cancelled:
        console.print("Interrupted. Nothing was written.", markup=False)
        raise typer.Exit(ExitCode.INTERRUPTED)
    count = outcome.n_objects
    console.print(f"{count} object{'s' * (count != 1)} replayed into {output}.", markup=False)
    console.print(outcome.comparison, markup=False)


def pack(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="Folder of a session.")],
    output: Annotated[
        Path | None,
        typer.Option(help="The zip file.", show_default="SESSION.zip"),
    ] = None,
) -> None:
    """Write SESSION to one zip file, without its image.

    Exit codes: 0 done, 2 bad input and nothing written.
    """
    from napari_sam2.cli.console import error_console
    from napari_sam2.session.storage.session_archive import pack_session

    path = pack_session(session, output)
    error_console().print(f"Packed into {path}.", markup=False)
