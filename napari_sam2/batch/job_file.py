"""Read the stacks of a batch from a YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_sam2.batch.stacks import OptionValue, StackEntry, StackList, check_names
from napari_sam2.core.errors import UserError
from napari_sam2.images.readers import local_path
from napari_sam2.session.worklist.stack_files import stack_name

SUFFIXES = (".yaml", ".yml")
"""Endings of job files."""
_MODELS = ("model", "text_model")
"""Options that are a name or a path."""


def read_job_file(path: Path) -> StackList:
    """Read a job file.

    Its key ``stacks`` is a list of mappings with ``input``, perhaps ``name``, and options of the
    command ``segment``; its key ``options`` has options for all of them. Paths are relative to the
    file. Values are read as text, as on the command line.

    Raises
    ------
    UserError
        If the file is missing or no YAML, has unknown keys or no stack, or two stacks have the
        same name.
    """
    document = _mapping(read_yaml(path), path.name)
    if unknown := sorted(set(document) - {"options", "stacks"}):
        raise UserError(
            f"{path.name} has the unknown key {unknown[0]}. A job file has the keys stacks and "
            "options."
        )
    rows = document.get("stacks")
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{path.name} has no stacks. List them: stacks: [{{input: a.tif}}, ...].")
    shared = document.get("options") or {}
    options = _options(_mapping(shared, f"{path.name}: options"), f"{path.name}: options", path)
    stacks = tuple(_stacks(rows, path))
    check_names(stacks)
    return StackList(stacks, options)


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file, all scalars as text: 10:50 would be read as 650.

    Raises
    ------
    UserError
        If the file is missing or no YAML, or PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise UserError(
            "Job files need PyYAML. Install it: pip install 'napari-sam2[cluster]'"
        ) from error
    if not path.is_file():
        raise UserError(f"There is no file {path}. Check the path.")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path.name} is not valid YAML: {reason}. Correct it.") from error


def _stacks(rows: Sequence[Any], path: Path) -> Iterator[StackEntry]:
    for number, row in enumerate(rows, 1):
        place = f"{path.name}: stack {number}"
        fields = dict(_mapping(row, place))
        source, name = fields.pop("input", None), fields.pop("name", None)
        if not isinstance(source, str) or not source:
            raise UserError(f"{place} has no input. Add input: FILE.")
        if name is not None and not isinstance(name, str):
            raise UserError(f"{place}: the name is not text. Give one name.")
        source = _absolute(source, path)
        options = _options(fields, place, path)
        yield StackEntry(name=name or stack_name(source), source=source, options=options)


def _options(fields: Mapping[str, Any], place: str, path: Path) -> dict[str, OptionValue]:
    found: dict[str, OptionValue] = {}
    for key, value in fields.items():
        name = key.replace("-", "_")
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            found[name] = tuple(value)
        elif isinstance(value, str):
            found[name] = _absolute(value, path) if _is_path(name, value, path) else value
        else:
            raise UserError(f"{place}: {key} is neither a text nor a list of texts. Correct it.")
    return found


def _is_path(name: str, value: str, path: Path) -> bool:
    """Return whether an option is a path, which is relative to the job file."""
    beside = path.absolute().parent / local_path(value)
    return name == "prompts" or (name in _MODELS and beside.exists())


def _absolute(text: str, path: Path) -> str:
    """Return a path relative to the job file as absolute; URLs stay as they are."""
    return text if "://" in text else str(path.absolute().parent / local_path(text))


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{place} is not a mapping. Write lines of the form key: value.")
    return value
