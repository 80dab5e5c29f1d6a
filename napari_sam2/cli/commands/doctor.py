"""``napari-sam2 doctor``: show versions, devices and problems of the installation."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Print versions, devices and problems, ready to paste into a bug report."""
    from rich.console import Console

    from napari_sam2.cli.diagnostics import diagnose, inspect, report

    environment = inspect()
    Console(soft_wrap=True).print(report(environment), highlight=False, markup=False)
    raise typer.Exit(1 if diagnose(environment) else 0)
