"""Options of commands that search for objects."""

from __future__ import annotations

from typing import Annotated

import typer

FindOption = Annotated[
    str | None, typer.Option(metavar="WHAT", help='everything, like:ID,ID;not:ID, or text:"PHRASE"')
]
TextModelOption = Annotated[
    str | None, typer.Option(metavar="NAME|FOLDER", help="What finds boxes by text.")
]
MinScoreOption = Annotated[float | None, typer.Option(help="Smallest score, 0 to 1.")]
MinAreaOption = Annotated[
    float | None, typer.Option("--min-size", "--min-area", help="Smallest area in pixels.")
]
MaxAreaOption = Annotated[
    float | None, typer.Option("--max-size", "--max-area", help="Largest area in pixels.")
]
MaxObjectsOption = Annotated[int | None, typer.Option(help="Keep only so many, best first.")]
DiameterOption = Annotated[
    float | None, typer.Option(help="Expected diameter in pixels.", show_default="measured")
]
