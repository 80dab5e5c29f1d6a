"""Options of ``segment`` in a job file or on the command line of ``batch``, as jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from napari_sam2.cli.commands import segment
from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.batch.stacks import OptionValue, StackEntry
    from napari_sam2.workflows.job import SegmentationJob

# Raised for an option that is unknown or has a wrong value.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_OF_THE_BATCH = ("source", "output", "scores", "lineage", "resume", "overwrite")
_OF_A_SEARCH = (
    "find_every",
    "text_model",
    "min_score",
    "min_area",
    "max_area",
    "max_objects",
    "diameter",
)
_SEARCHED, _BY_EXAMPLE = "find", "like:"


class StackOptions:
    """Parses options as the command ``segment`` does."""

    def __init__(self) -> None:
        program = typer.Typer(add_completion=False)
        program.command()(segment.segment)
        self._command = typer.main.get_command(program)
        self._names = {
            text.lstrip("-").replace("-", "_"): parameter
            for parameter in self._command.params
            for text in (*parameter.opts, *parameter.secondary_opts)
            if text.startswith("--")
        }

    def parse(self, arguments: Sequence[str], place: str) -> dict[str, Any]:
        """Return the options of arguments of the command line, by parameter name.

        Parameters
        ----------
        arguments : sequence of str
            E.g. ``("--model", "micro")``.
        place : str
            Where they were written, for messages.

        Raises
        ------
        UserError
            If an option is unknown, has a wrong value, or is given by the batch itself.
        """
        needed = ["--output", "-", "--", "-"]
        try:
            context = self._command.make_context("segment", [*arguments, *needed])
        except _UsageError as error:
            text = error.format_message() if hasattr(error, "format_message") else str(error)
            raise UserError(f"{place}: {text} See napari-sam2 segment --help.") from error
        if len(context.params["source"]) > 1:
            raise UserError(
                f"{place}: {context.params['source'][0]} is not an option. Give --NAME."
            )
        found = {
            name: value
            for name, value in context.params.items()
            if name not in ("source", "output") and _is_given(context, name)
        }
        for name in found:
            _check_allowed(name, place)
        if "--output" in arguments:
            _check_allowed("output", place)
        return found

    def parse_mapping(self, options: Mapping[str, OptionValue], place: str) -> dict[str, Any]:
        """Return the options of a job file, by parameter name; see :meth:`parse`."""
        arguments: list[str] = []
        off: dict[str, Any] = {}
        for name, value in options.items():
            parameter = self._names.get(name)
            if parameter is None:
                raise UserError(
                    f"{place} has the unknown key {name}. The keys are input, name and the options "
                    "of napari-sam2 segment, without dashes in front."
                )
            _check_allowed(name, place)
            written = _arguments(name, value, parameter, place)
            arguments += written
            if not written:
                # A flag without an opposite, which the command line cannot turn off.
                off[str(parameter.name)] = False
        return self.parse(arguments, place) | off


def searches_alone(options: Mapping[str, Any]) -> bool:
    """Return whether options search for objects without prompts, as by example there are some."""
    return _SEARCHED in options and not str(options[_SEARCHED]).startswith(_BY_EXAMPLE)


def merged(*options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of which later ones override earlier ones.

    Prompts and a search with its options override each other, unless it is by example and needs
    both.
    """
    found: dict[str, Any] = {}
    for layer in options:
        if "prompts" in layer and searches_alone({**found, **layer}):
            found = {name: value for name, value in found.items() if name not in _OF_A_SEARCH}
        alone = searches_alone({**found, **layer})
        for one, other in (("prompts", _SEARCHED), (_SEARCHED, "prompts")):
            if one in layer and alone:
                found.pop(other, None)
        found |= layer
    return found


def stack_job(
    options: Mapping[str, Any], stack: StackEntry, folder: Path, ending: str
) -> SegmentationJob:
    """Return the job of a stack, whose outputs lie in the folder of the batch.

    Parameters
    ----------
    options : mapping
        Options by parameter name.
    stack : StackEntry
        The stack.
    folder : Path
        Folder of the batch.
    ending : str
        Ending of the labels, which is their format.
    """
    outputs: dict[str, Any] = {
        "output": folder / f"{stack.name}.labels{ending}",
        "scores": folder / f"{stack.name}.scores.csv",
    }
    if options.get("divisions") == segment.DivisionChoice.AUTO:
        outputs["lineage"] = folder / f"{stack.name}.lineage.csv"
    return segment.job_of({**options, "source": stack.source, **outputs})


def _is_given(context: Any, name: str) -> bool:
    return bool(context.get_parameter_source(name).name == "COMMANDLINE")


def _check_allowed(name: str, place: str) -> None:
    if name in _OF_THE_BATCH:
        raise UserError(
            f"{place}: {name} is decided by the batch for all stacks. Leave it out of the options."
        )


def _arguments(name: str, value: OptionValue, parameter: Any, place: str) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if getattr(parameter, "is_flag", False):
        return _flag(option, value, parameter, place)
    values = (value,) if isinstance(value, str) else value
    if len(values) > 1 and not getattr(parameter, "multiple", False):
        raise UserError(f"{place}: {name} has {len(values)} values. Give one.")
    return [f"{option}={item}" for item in values]


def _flag(option: str, value: OptionValue, parameter: Any, place: str) -> list[str]:
    if value not in ("true", "false"):
        raise UserError(f"{place}: {option.lstrip('-')} is {value}. Give true or false.")
    wanted = (value == "true") != (option in parameter.secondary_opts)
    found = parameter.opts if wanted else parameter.secondary_opts
    return list(found[:1])
