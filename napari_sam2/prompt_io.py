"""Prompts from wherever they come: JSON, CSV, label images, arrays, or a script."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_sam2.errors import UserError
from napari_sam2.label_geometry import LabelGeometry
from napari_sam2.label_image import open_label_image
from napari_sam2.prompt_check import check_prompts
from napari_sam2.prompt_csv import read_prompts_csv
from napari_sam2.prompt_json import prompts_axis, prompts_from_dict, read_prompts_json
from napari_sam2.prompt_labels import LabelsAs, prompts_from_labels
from napari_sam2.prompt_store import PromptStore
from napari_sam2.prompts import BoxPrompt, MaskPrompt, PointPrompt

_TEXT = (".json", ".csv", ".tsv", ".txt")


def axis_of(source: Any) -> str | None:
    """Return the axis that the frames of prompts count along, or None where they do not say.

    For choosing the propagated axis before the stack is opened; see :func:`load_prompts`.
    """
    if isinstance(source, PromptStore):
        return source.axis
    if isinstance(source, Mapping):
        axis = source.get("axis")
        return axis if isinstance(axis, str) else None
    if isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() == ".json":
        return prompts_axis(Path(source))
    return None


def load_prompts(
    source: Any,
    geometry: LabelGeometry,
    *,
    labels_as: LabelsAs = LabelsAs.MASK,
    frame: int | None = None,
    frames: tuple[int, int] | None = None,
) -> PromptStore:
    """Read prompts and check that they fit a stack.

    Parameters
    ----------
    source : path, mapping, PromptStore, iterable of prompts, or array
        A .json file (or what it holds), a .csv file, or a label image as file or array.
    geometry : LabelGeometry
        The stack.
    labels_as : LabelsAs
        What the labels of a label image become.
    frame : int or None
        The frame of a label image of one plane; None is 0.
    frames : tuple of int or None
        Half-open range that is segmented and that prompts must lie in.

    Returns
    -------
    PromptStore
        With the stack's axis.

    Raises
    ------
    UserError
        If the source is missing, damaged or wrong, or a prompt does not fit the stack; the
        message says which and what to do.
    """
    store = _read(source, geometry, labels_as, frame)
    check_prompts(store, geometry, frames)
    store.axis = geometry.along
    return store


def _read(
    source: Any, geometry: LabelGeometry, labels_as: LabelsAs, frame: int | None
) -> PromptStore:
    if isinstance(source, PromptStore):
        return source
    if isinstance(source, Mapping):
        return prompts_from_dict(source, geometry.shape)
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source).expanduser(), geometry, labels_as, frame)
    if hasattr(source, "shape") and hasattr(source, "dtype"):
        return PromptStore(prompts_from_labels(source, geometry, labels_as, frame))
    if isinstance(source, Iterable):
        return PromptStore(_only_prompts(source))
    raise UserError(f"Cannot read prompts from a {type(source).__name__}.")


def _read_file(
    path: Path, geometry: LabelGeometry, labels_as: LabelsAs, frame: int | None
) -> PromptStore:
    if not path.exists():
        raise UserError(f"There is no prompt file {path}.")
    suffix = path.suffix.lower()
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"The prompt file {path.name} is empty (0 bytes).")
    if suffix == ".json":
        return read_prompts_json(path, geometry.shape)
    if suffix in _TEXT:
        return read_prompts_csv(path, geometry)
    labels = open_label_image(path)
    return PromptStore(prompts_from_labels(labels, geometry, labels_as, frame))


def _only_prompts(source: Iterable[Any]) -> Iterable[PointPrompt | BoxPrompt | MaskPrompt]:
    for item in source:
        if not isinstance(item, (PointPrompt, BoxPrompt, MaskPrompt)):
            kinds = "PointPrompt, BoxPrompt or MaskPrompt"
            raise UserError(f"Prompts must be {kinds}, not {type(item).__name__}.")
        yield item
