"""Options of commands that open images and run a model on them."""

from __future__ import annotations

from typing import Annotated

import typer

_Text = str | None
SourceArgument = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="File, folder or URL; several images are frames."),
]
ModelOption = Annotated[_Text, typer.Option(help="auto, a name, or a weights file.")]
DeviceOption = Annotated[
    _Text, typer.Option(help="auto, cpu, cuda, cuda:1, mps or tcp://HOST:8786.")
]
AxesOption = Annotated[_Text, typer.Option(help="One letter per dimension: TCZYX.")]
AtOption = Annotated[list[str] | None, typer.Option(help="Fixed position: z=3; repeatable.")]
ChannelOption = Annotated[list[int] | None, typer.Option(help="Channel to use; repeatable.")]
SceneOption = Annotated[
    _Text, typer.Option(metavar="NAME|N", help="Which image, if a file holds several; see info.")
]
ContrastOption = Annotated[
    _Text, typer.Option(metavar="LO,HI", help="Values shown as black and white.")
]
WindowOption = Annotated[_Text, typer.Option(help="CT window: auto, or e.g. ct-abdomen.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")]
