"""Options of commands that search for objects, and jobs of all their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

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
_LIMITS = ("min_score", "min_area", "max_area", "max_objects")


def job_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a command as arguments of its ImageJob, by field name.

    Parameters
    ----------
    options : mapping
        Options that were given, by parameter name.

    Raises
    ------
    UserError
        If a text cannot be parsed, or a limit is impossible.
    """
    from napari_sam2.candidates.candidate import CandidateLimits
    from napari_sam2.candidates.target import SearchTarget
    from napari_sam2.cli.parsing import parse_contrast
    from napari_sam2.images.readers import local_path

    found = {name: value for name, value in options.items() if name not in _LIMITS}
    found["limits"] = CandidateLimits(**{n: options[n] for n in _LIMITS if n in options})
    if "channel" in found:
        found["channels"] = found.pop("channel")
    if isinstance(sources := found.get("source"), list):
        found["source"] = sources[0] if len(sources) == 1 else tuple(sources)
    parsers: dict[str, Callable[[Any], Any]] = {
        "prompts": lambda path: local_path(str(path)),
        "contrast": parse_contrast,
        "dtype": str,
        "find": SearchTarget.parse,
    }
    return {name: parsers[name](v) if name in parsers else v for name, v in found.items()}
