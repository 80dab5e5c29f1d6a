"""Images of a folder arranged along the axes that their names state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import UNNAMED
from napari_sam2.images.readers.base import find_scene, scene_note
from napari_sam2.images.readers.raster.file_names import (
    NameField,
    is_mask_word,
    missing_numbers,
    natural_key,
    natural_order,
    varying_fields,
)

_MAX_CHANNELS = 8
"""Number of files up to which a single running number after c or w counts channels."""
_LISTED = 5
_AXIS_WORDS = {"T": "times", "C": "channels", "Z": "slices", UNNAMED: "frames"}


@dataclass(frozen=True)
class NameGrid:
    """Files in the order of a grid of axes.

    Parameters
    ----------
    files : tuple of Path
        The files, the last axis varying fastest.
    axes : str
        A letter for each axis of the grid: T, C, Z, or ``"?"`` for frames of unknown kind.
    shape : tuple of int
        Number of files along each axis.
    channel_names : tuple of str
        Texts that tell the channels apart.
    scenes : tuple of str
        Names of the positions that the names tell apart; empty if there is one.
    scene : str or None
        The position of these files.
    notes : tuple of str
        Messages for the user.
    """

    files: tuple[Path, ...]
    axes: str
    shape: tuple[int, ...]
    channel_names: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    scene: str | None = None
    notes: tuple[str, ...] = ()


def sequence(files: Sequence[Path], notes: tuple[str, ...] = ()) -> NameGrid:
    """Return files as frames in the given order."""
    return NameGrid(tuple(files), UNNAMED, (len(files),), notes=notes)


def arrange(
    files: Sequence[Path], name: str, *, rgb: bool = False, scene: str | int | None = None
) -> NameGrid:
    """Return files arranged by the numbers and words in their names.

    Numbers are taken as axes where the letters before them name these (t, z, c, w, ch, pos, ...)
    and there is a file for every combination. RGB images have no further channels, so files that
    differ in the channel are scenes.

    Parameters
    ----------
    files : sequence of Path
        At least one file.
    name : str
        The folder, for messages.
    rgb : bool
        Whether the images are RGB.
    scene : str, int or None
        Name or number of the position to open; None opens the first.

    Raises
    ------
    UserError
        If a file is missing from the grid of times, channels and slices, or there is no such
        scene.
    """
    ordered = natural_order(files)
    fields = varying_fields(ordered)
    if fields is None or not fields:
        return sequence(ordered)
    fields, ordered, notes = _without_mask_words(fields, ordered)
    axes = _assign_axes(fields, rgb)
    if axes is None:
        return sequence(ordered, notes + _unclear_note(fields, name))
    positions = [i for i, axis in enumerate(axes) if axis == "P"]
    scenes = _scene_names(fields, positions)
    names = tuple(dict.fromkeys(sorted(scenes, key=natural_key)))
    if len(names) < 2:
        grid = _grid(fields, axes, ordered, name)
        return replace(grid, notes=notes + grid.notes)
    number = 0 if scene is None else find_scene(names, scene, name)
    chosen = [i for i, text in enumerate(scenes) if text == names[number]]
    rest = [i for i in range(len(fields)) if i not in positions]
    parts = tuple(
        replace(fields[i], values=tuple(fields[i].values[row] for row in chosen)) for i in rest
    )
    grid = _grid(parts, [axes[i] for i in rest], [ordered[row] for row in chosen], name)
    return replace(
        grid,
        scenes=names,
        scene=names[number],
        notes=notes + scene_note(names, number, name) + grid.notes,
    )


def _without_mask_words(
    fields: tuple[NameField, ...], files: list[Path]
) -> tuple[tuple[NameField, ...], list[Path], tuple[str, ...]]:
    """Leave out files that only a word such as ``mask`` tells from others."""
    word = next((field for field in fields if field.is_word), None)
    masks = {value for value in word.values if is_mask_word(value)} if word else set()
    if word is None or not masks or masks == set(word.values):
        return fields, files, ()
    kept = [i for i, value in enumerate(word.values) if value not in masks]
    left_out = [file for i, file in enumerate(files) if i not in set(kept)]
    files = [files[i] for i in kept]
    return varying_fields(files) or (), files, masks_note(left_out)


def masks_note(masks: Sequence[Path]) -> tuple[str, ...]:
    """Return a note that files named like masks are not read; empty without such files."""
    if not masks:
        return ()
    return (
        f"{_file_count(len(masks))} named like masks of other images ({_listed(masks)}) "
        "left out: list the files to read them as frames.",
    )


def _file_count(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


def _listed(files: Sequence[Path]) -> str:
    names = [file.name for file in files[:_LISTED]]
    return ", ".join(names) + (", ..." if len(files) > _LISTED else "")


def _assign_axes(fields: tuple[NameField, ...], rgb: bool) -> list[str] | None:
    """Return the axis of each field; None if the files are frames in the order of their names."""
    if len(fields) == 1:
        axis = _single_axis(fields[0])
        return None if axis is None else ["P" if axis == "C" and rgb else axis]
    axes = [field.axis for field in fields]
    for i, field in enumerate(fields):
        if field.is_word and len(fields[0].values) > len(set(field.keys)) and "C" not in axes:
            axes[i] = "C" if _is_complete(fields) else None
            if axes[i] is None:
                return None
    unnamed = [i for i, axis in enumerate(axes) if axis is None]
    if len(unnamed) == 1 and not fields[unnamed[0]].is_word and "T" not in axes:
        axes[unnamed[0]] = "T"
    letters = [axis for axis in axes if axis is not None]
    repeated = any(letters.count(axis) > 1 for axis in "TCZ")
    if len(letters) < len(axes) or repeated:
        return None
    return ["P" if axis == "C" and rgb else axis for axis in letters]


def _single_axis(field: NameField) -> str | None:
    """Return the axis of the only field that varies; None for frames of unknown kind."""
    if field.is_word or field.axis not in ("C", "Z"):
        return None
    few = len(set(field.keys)) <= _MAX_CHANNELS
    if field.axis == "C" and len(field.marker) == 1 and not few:
        return None
    return field.axis


def _is_complete(fields: Sequence[NameField]) -> bool:
    combinations = set(zip(*(field.keys for field in fields), strict=True))
    wanted = prod(len(set(field.keys)) for field in fields)
    return len(combinations) == wanted == len(fields[0].values)


def _scene_names(fields: tuple[NameField, ...], positions: Sequence[int]) -> list[str]:
    """Return the name of the position of each file."""
    parts = [[fields[i].marker + value for value in fields[i].values] for i in positions]
    return [" ".join(texts) for texts in zip(*parts, strict=True)] if parts else []


def _grid(
    fields: Sequence[NameField], axes: Sequence[str], files: list[Path], name: str
) -> NameGrid:
    """Return the files along T, C and Z."""
    if not fields:
        return sequence(files)
    order = sorted(range(len(fields)), key=lambda i: "TCZ".index(axes[i]))
    fields = [fields[i] for i in order]
    letters = "".join(axes[i] for i in order)
    keys = list(zip(*(field.keys for field in fields), strict=True))
    if repeated := [key for key, count in Counter(keys).items() if count > 1]:
        same = [file for file, key in zip(files, keys, strict=True) if key == repeated[0]]
        raise UserError(
            f"Several images of {name} have the same position: {_listed(same)}. Keep one of them."
        )
    places = dict(zip(keys, files, strict=True))
    values = [sorted(set(field.keys), key=lambda key: (0, key)) for field in fields]
    wanted = list(product(*values))
    if "C" not in letters and 2 * len(places) < len(wanted):
        return sequence(files, _unclear_note(tuple(fields), name))
    _check_complete(fields, letters, [key for key in wanted if key not in places], files, name)
    channels = fields[letters.index("C")].labels if "C" in letters else ()
    return NameGrid(
        tuple(places[key] for key in wanted),
        letters,
        tuple(len(value) for value in values),
        channels,
        notes=_grid_notes(fields, letters, name),
    )


def _check_complete(
    fields: Sequence[NameField],
    axes: str,
    missing: list[tuple[int | str, ...]],
    files: list[Path],
    name: str,
) -> None:
    if not missing:
        return
    described = [
        " ".join(
            f"{field.marker or axis.lower()}{value}"
            for field, axis, value in zip(fields, axes, key, strict=True)
        )
        for key in missing[:_LISTED]
    ]
    more = ", ..." if len(missing) > _LISTED else ""
    raise UserError(
        f"The file names of {name} count {_axis_list(axes)}, but {len(missing)} of "
        f"{len(missing) + len(files)} images are missing: {', '.join(described)}{more}. Add them, "
        "move the images of incomplete ones to another folder, or list the files of one axis."
    )


def _axis_list(axes: str) -> str:
    words = [_AXIS_WORDS[axis] for axis in axes]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _grid_notes(fields: Sequence[NameField], axes: str, name: str) -> tuple[str, ...]:
    counts = []
    for axis, field in zip(axes, fields, strict=True):
        labels = field.labels
        names = f"{labels[0]} to {labels[-1]}" if len(labels) > _LISTED else ", ".join(labels)
        counts.append(f"{len(labels)} {_AXIS_WORDS[axis]} ({names})")
    return (
        f"{name} is read as {' x '.join(counts)}, by the file names. List the files to read them "
        "as frames.",
        *_gap_notes(fields, axes, name),
    )


def _gap_notes(fields: Sequence[NameField], axes: str, name: str) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    for axis, field in zip(axes, fields, strict=True):
        if axis != "C" and not field.is_word:
            notes += gap_note(field, name)
    return notes


def gap_note(field: NameField, name: str) -> tuple[str, ...]:
    """Return a note on numbers that are missing between files; empty if there are none."""
    missing = missing_numbers([int(value) for value in field.values])
    if not missing:
        return ()
    shown = ", ".join(map(str, missing[:_LISTED])) + (", ..." if len(missing) > _LISTED else "")
    several = len(missing) > 1
    return (
        f"The number{'s' * several} {shown} {'are' if several else 'is'} missing in the file "
        f"names of {name}: the files before and after are read as neighbors.",
    )


def _unclear_note(fields: tuple[NameField, ...], name: str) -> tuple[str, ...]:
    """Return a note that names differ in more than one place, or lack numbers."""
    if len(fields) == 1:
        return () if fields[0].is_word else gap_note(fields[0], name)
    texts = [", ".join(field.labels[:3]) for field in fields]
    return (
        f"The file names of {name} differ in several places ({'; '.join(texts)}): all images are "
        "read as frames, one after the other. If they are channels, slices or positions, put t, "
        "c, z or pos before these numbers, or list the files of one of them.",
    )
