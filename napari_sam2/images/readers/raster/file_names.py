"""File names: natural order, numbers and words that vary, and the axes that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_MASK = re.compile(
    r"[_\-. ](cp_masks|masks?|seg|segmentation|labels?|gt|outlines?)$", re.IGNORECASE
)
_NUMBERED = re.compile(r"(\D*?)(-?)(\d+)")
_MARKERS = {
    **dict.fromkeys(("t", "time", "timepoint", "tp", "frame"), "T"),
    **dict.fromkeys(("z", "slice", "plane", "zstack"), "Z"),
    **dict.fromkeys(("c", "w", "ch", "chan", "channel", "wv", "wavelength"), "C"),
    **dict.fromkeys(("s", "pos", "position", "xy", "stage", "fov", "field", "site"), "P"),
    **dict.fromkeys(("series", "scene", "well"), "P"),
}
"""Axis by the letters before a number; P are positions of the stage."""
_OPERETTA = {"r": "P", "c": "P", "f": "P", "p": "Z", "ch": "C", "sk": "T"}
"""Letters in the names of Opera and Operetta microscopes: r01c01f01p01-ch1sk1."""


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``img2`` before ``img10``."""
    parts = [part for part in re.split(r"(\d+)", name.lower()) if part]
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def natural_order(files: Iterable[Path]) -> list[Path]:
    """Return files in natural order of their names, negative numbers first.

    A hyphen before the only number is a sign if another name lacks it: ``z-2, z-1, z0, z1``.
    """
    every = list(files)
    found = [_NUMBERED.fullmatch(file.stem) for file in every]
    starts = {match[1] for match in found if match is not None}
    signed = {match[2] for match in found if match is not None} == {"", "-"}
    if not (signed and len(starts) == 1 and all(found)):
        return sorted(every, key=lambda file: natural_key(file.name))
    return sorted(every, key=_signed_number)


def _signed_number(file: Path) -> tuple[int, str]:
    match = _NUMBERED.fullmatch(file.stem)
    assert match is not None
    return int(match[2] + match[3]), file.name


def without_masks(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Separate images from masks of other images, such as ``img1_mask.png`` beside ``img1.png``.

    Returns
    -------
    images, masks : list of Path
    """
    stems = {file.stem for file in files}
    masks = [
        file
        for file in files
        if (found := _MASK.search(file.stem)) and file.stem[: found.start()] in stems
    ]
    return [file for file in files if file not in masks], masks


def is_mask_word(word: str) -> bool:
    """Return whether a word in a file name is that of a mask, such as ``"labels"``."""
    return _MASK.search(f"_{word}") is not None


@dataclass(frozen=True)
class NameField:
    """A number or a word of the file names that varies.

    Parameters
    ----------
    marker : str
        The letters before the number, lower case; empty for a word.
    axis : str or None
        T, Z, C, or P for positions of the stage; None if the letters name none.
    values : tuple of str
        The text in each file.
    """

    marker: str
    axis: str | None
    values: tuple[str, ...]

    @property
    def is_word(self) -> bool:
        """Whether the values are words rather than numbers."""
        return not self.values[0].isdecimal()

    def key(self, value: str) -> int | str:
        """Return a value for sorting and comparing: 1 for ``"001"``."""
        return value.lower() if self.is_word else int(value)

    @property
    def keys(self) -> tuple[int | str, ...]:
        """The value of each file, comparable."""
        return tuple(self.key(value) for value in self.values)

    @property
    def labels(self) -> tuple[str, ...]:
        """The different values in order, with the marker: ``("w1", "w2")``."""
        texts = dict(zip(self.keys, self.values, strict=True))
        return tuple(self.marker + texts[key] for key in sorted(texts, key=lambda k: (0, k)))


def varying_fields(files: Sequence[Path]) -> tuple[NameField, ...] | None:
    """Return the numbers and words that vary in the names, in the order in which they stand.

    Returns
    -------
    tuple of NameField or None
        Numbers that another one determines are left out. None if the names are not built alike.
    """
    parts = [re.split(r"(\d+)", file.stem) for file in files]
    if len({len(names) for names in parts}) != 1:
        return None
    fields = []
    markers = _markers(parts[0])
    for position, values in enumerate(zip(*parts, strict=True)):
        is_number = position % 2 == 1
        if len({int(v) if is_number else v.lower() for v in values}) == 1:
            continue
        if is_number:
            marker, axis = markers[position // 2]
            fields.append(NameField(marker, axis, values))
        elif words := _words(values):
            fields.append(NameField("", None, words))
        else:
            return None
    if sum(found.is_word for found in fields) > 1:
        return None
    return _independent(fields)


def _words(values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return what differs in texts that are words of two letters or more; None if they are not."""
    words = tuple(value.strip("_-. ()[]") for value in values)
    return words if all(re.search(r"[^\W\d_]{2}", word) for word in words) else None


def _markers(parts: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return, for each number of a name, the letters before it and the axis that they name."""
    letters = [_marker(text) for text in parts[:-1:2]]
    lower = [marker.lower() for marker in letters]
    table = _OPERETTA if lower[:3] == ["r", "c", "f"] else _MARKERS
    return [(marker, table.get(marker.lower())) for marker in letters]


def _marker(text: str) -> str:
    found = re.search(r"[^\W\d_]+[_\-]?$", text)
    letters = found.group().rstrip("_-") if found else ""
    camel = re.search(r"[a-z]([TZCWS])$", letters)
    return camel.group(1) if camel and letters.lower() not in _MARKERS else letters


def _independent(fields: list[NameField]) -> tuple[NameField, ...]:
    """Return the fields without those that another one determines, named ones first."""
    kept: list[NameField] = []
    for candidate in sorted(fields, key=lambda f: (f.axis is None, f.is_word)):
        if not any(_determines(other, candidate) for other in kept):
            kept.append(candidate)
    return tuple(field for field in fields if any(field is other for other in kept))


def _determines(one: NameField, other: NameField) -> bool:
    """Return whether the values of two fields come in fixed pairs."""
    pairs = set(zip(one.keys, other.keys, strict=True))
    return len(pairs) == len(set(one.keys)) == len(set(other.keys))


def missing_numbers(values: Sequence[int]) -> list[int]:
    """Return the numbers that a sequence with a constant step lacks.

    Parameters
    ----------
    values : sequence of int
        Numbers in any order.

    Returns
    -------
    list of int
        Empty if the numbers have no constant step, or lack more than they have.
    """
    numbers = sorted(set(values))
    steps = [after - before for before, after in pairwise(numbers)]
    if len(steps) < 2:
        return []
    step = max(set(steps), key=lambda s: (steps.count(s), -s))
    if any(gap % step for gap in steps):
        return []
    lacking = [n for n in range(numbers[0], numbers[-1], step) if n not in set(numbers)]
    return lacking if len(lacking) < len(numbers) else []
