"""Options whose defaults come from the dataclasses of the workflows.

An option that is not given is None and is left out of the dataclass, which has the default. The
help shows the defaults. So each default is written once, and the command line can be imported
without the libraries that the dataclasses need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class DtypeChoice(StrEnum):
    """Values of :data:`napari_sam2.inference.model_catalog.DTYPES`."""

    AUTO = "auto"
    FLOAT32 = "float32"
    MIXED = "mixed"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


DtypeOption = Annotated[
    DtypeChoice | None, typer.Option(help="Number format: speed against accuracy.")
]
InputSizeOption = Annotated[
    int | None,
    typer.Option(
        min=32,
        metavar="PIXELS",
        help="Side of the model's input; smaller is faster, and approximate.",
        show_default="that of the training",
    ),
]


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given, i.e. those that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def converted(convert: Callable[[str], Any], text: str | None) -> Any:
    """Return an option in its final type, or None if it was not given."""
    return None if text is None else convert(text)


def defaults_of(kind: type[DataclassInstance]) -> dict[str, Any]:
    """Return the defaults of a dataclass as the command line writes them, by field name."""
    found = {field.name: field.default for field in fields(kind)}
    hidden = (MISSING, None, False, ())
    return {
        name: _as_option(default)
        for name, default in found.items()
        if not any(default is value for value in hidden)
    }


def _as_option(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value if isinstance(value, int | float) else str(value)


def showing(defaults: Callable[[], Mapping[str, Any]]) -> type[TyperCommand]:
    """Return a class of commands whose help shows defaults that are computed for the help only.

    Parameters
    ----------
    defaults : callable
        Returns the default of each option, by parameter name.
    """

    class Command(TyperCommand):
        """A command that shows computed defaults in its help."""

        def format_help(self, ctx: Any, formatter: Any) -> None:
            """Write the help."""
            shown = defaults()
            before = {parameter: parameter.default for parameter in self.params}
            for parameter in self.params:
                parameter.default = shown.get(parameter.name or "", parameter.default)
            super().format_help(ctx, formatter)
            for parameter, default in before.items():
                parameter.default = default

    return Command
