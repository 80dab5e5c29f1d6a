"""Prompts from JSON, CSV, label images, arrays or a script, checked against a stack."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.axes import parse_axes
from napari_sam2.images.readers import local_path
from napari_sam2.masks.label_image import LabelImage, open_label_image, place_notes
from napari_sam2.masks.label_layout import LabelGeometry, label_dtype
from napari_sam2.prompts.csv_format import read_prompts_csv
from napari_sam2.prompts.from_labels import LabelPromptKind, prompts_from_labels
from napari_sam2.prompts.json_format import prompts_axis, prompts_from_dict, read_prompts_json
from napari_sam2.prompts.plane_prompts import no_point_inside
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt, describe
from napari_sam2.prompts.volume_series.position import prompts_here

TEXT_SUFFIXES = (".json", ".csv", ".tsv", ".txt")
"""Endings of files of points and boxes; other files are label images."""


def prompt_axis(source: Any) -> str | None:
    """Return the axis along which the frames of prompts are counted, None if it is not stated.

    The stack is propagated along this axis, so it is read before the stack is opened.

    Parameters
    ----------
    source
        As for :func:`load_prompts`.
    """
    if isinstance(source, PromptStore):
        return source.axis
    if isinstance(source, Mapping):
        axis = source.get("axis")
        return axis if isinstance(axis, str) else None
    if isinstance(source, (str, os.PathLike)):
        path = local_path(os.fspath(source))
        return prompts_axis(path) if path.suffix.lower() == ".json" else None
    return None


def load_prompts(
    source: Any,
    geometry: LabelGeometry,
    *,
    labels_as: LabelPromptKind = LabelPromptKind.MASK,
    labels_axes: str | None = None,
    frame: int | None = None,
    frames: tuple[int, int] | None = None,
) -> PromptStore:
    """Return prompts from any source, after checking that they fit a stack.

    Parameters
    ----------
    source : path, mapping, PromptStore, iterable of prompts, or array
        A .json file (or its content), a .csv file, or a label image as file or array; the axes of
        an xarray.DataArray are those of its dims.
    geometry : LabelGeometry
        The stack.
    labels_as : LabelPromptKind
        Kind of the prompts that labels are converted to.
    labels_axes : str or None
        Axes of a label image, e.g. ``"ZYX"``; None takes those that it states.
    frame : int or None
        The frame of a label image of one plane; None is 0.
    frames : (int, int) or None
        Half-open range that is segmented, in which all prompts must lie.

    Returns
    -------
    PromptStore
        The prompts, with the axis of the stack.

    Raises
    ------
    UserError
        If the source is missing, damaged or wrong, or a prompt does not fit the stack; the
        message names the prompt and says what to do.
    """
    store = _read(source, geometry, labels_as, labels_axes, frame)
    check_prompts(store, geometry, frames)
    store.axis = geometry.along
    return store


def _read(
    source: Any,
    geometry: LabelGeometry,
    labels_as: LabelPromptKind,
    labels_axes: str | None,
    frame: int | None,
) -> PromptStore:
    if isinstance(source, PromptStore):
        return source
    if isinstance(source, Mapping):
        return prompts_here(prompts_from_dict(source, geometry.shape, geometry.along), geometry)
    if isinstance(source, (str, os.PathLike)):
        path = local_path(os.fspath(source))
        if (text := _read_text_file(path, geometry, labels_axes)) is not None:
            return text
        source = open_label_image(path, labels_axes)
    elif labels_axes is not None and hasattr(source, "shape"):
        source = LabelImage(source, parse_axes(labels_axes, tuple(source.shape)))
    if hasattr(source, "shape") and hasattr(source, "dtype"):
        placed = place_notes(source, geometry)
        store = PromptStore(prompts_from_labels(source, geometry, labels_as, frame))
        store.notes = (*source.notes, *placed) if isinstance(source, LabelImage) else ()
        return store
    if isinstance(source, Iterable):
        return PromptStore(_only_prompts(source))
    raise UserError(f"Cannot read prompts from a {type(source).__name__}.")


def _read_text_file(
    path: Path, geometry: LabelGeometry, labels_axes: str | None
) -> PromptStore | None:
    """Return the prompts of a JSON or CSV file, None for files of other types."""
    if not path.exists():
        raise UserError(f"There is no prompt file {path}. Check the path.")
    suffix = path.suffix.lower()
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"The prompt file {path.name} is empty (0 bytes).")
    if suffix not in TEXT_SUFFIXES:
        return None
    if labels_axes is not None:
        raise UserError(
            f"{path.name} is not a label image: leave out the axes of labels ({labels_axes})."
        )
    if suffix == ".json":
        return prompts_here(read_prompts_json(path, geometry.shape, geometry.along), geometry)
    return read_prompts_csv(path, geometry)


def _only_prompts(source: Iterable[Any]) -> Iterable[PointPrompt | BoxPrompt | MaskPrompt]:
    for item in source:
        if not isinstance(item, (PointPrompt, BoxPrompt, MaskPrompt)):
            kinds = "PointPrompt, BoxPrompt or MaskPrompt"
            raise UserError(f"Prompts must be {kinds}, not {type(item).__name__}.")
        yield item


def check_prompts(
    prompts: PromptStore, geometry: LabelGeometry, frames: tuple[int, int] | None = None
) -> None:
    """Raise an error for prompts outside the stack or the range.

    Parameters
    ----------
    prompts : PromptStore
        The prompts.
    geometry : LabelGeometry
        The stack.
    frames : (int, int) or None
        Half-open range that is segmented; None is the whole stack.

    Raises
    ------
    UserError
        If there are no prompts, if their frames are counted along another axis, if one lies
        outside, or if an object id does not fit any label type.
    """
    if not len(prompts):
        raise UserError("There are no objects: give at least one point, box or mask.")
    if prompts.axis not in (None, geometry.along):
        raise UserError(
            f"The frames of the prompts are counted along {prompts.axis}, but the stack is "
            f"propagated along {geometry.along}: choose one."
        )
    label_dtype(prompts.objects())
    for prompt in prompts:
        _check_frame(prompt, geometry.n_frames, frames)
    _check_places(prompts, geometry.shape)


def _check_frame(prompt: Prompt, count: int, frames: tuple[int, int] | None) -> None:
    if prompt.frame >= count:
        raise UserError(f"{describe(prompt)} is outside the stack: frames are 0 to {count - 1}.")
    if frames is not None and not frames[0] <= prompt.frame < frames[1]:
        raise UserError(
            f"{describe(prompt)} is outside the range {frames[0]}:{frames[1]}: "
            "widen the range or remove it."
        )


def _check_places(prompts: Iterable[Prompt], shape: tuple[int, int]) -> None:
    for prompt in prompts:
        if not _inside(prompt, shape):
            raise UserError(
                f"{describe(prompt)} reaches outside the plane of {shape[0]} x {shape[1]} pixels "
                "(height x width; coordinates are y, x)."
            )


def _inside(prompt: Prompt, shape: tuple[int, int]) -> bool:
    height, width = shape
    if isinstance(prompt, PointPrompt):
        y, x = prompt.yx
        return -0.5 <= y <= height - 0.5 and -0.5 <= x <= width - 0.5
    if isinstance(prompt, BoxPrompt):
        (y0, x0), (y1, x1) = prompt.yx0, prompt.yx1
        return y0 >= 0 and x0 >= 0 and y1 <= height and x1 <= width
    return Window.of(shape).contains(prompt.window)


def check_points_inside(prompts: PromptStore) -> None:
    """Raise an error for an object that has only clicks outside on a frame.

    Such clicks can only correct a mask, so this is a check for a run that starts without masks.

    Parameters
    ----------
    prompts : PromptStore
        The prompts.

    Raises
    ------
    UserError
        Names the object and the frame.
    """
    for object_id in prompts.objects():
        for frame in prompts.frames(object_id):
            given = prompts.get(object_id, frame)
            if all(isinstance(prompt, PointPrompt) and not prompt.label for prompt in given):
                raise no_point_inside(object_id, frame)
