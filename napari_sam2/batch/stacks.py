"""The stacks of a batch: their names, inputs, prompts and options, and shards of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from napari_sam2.core.errors import UserError

OptionValue = str | tuple[str, ...]
"""Text of an option as the command line has it; several of a repeatable option."""
_MAX_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class StackEntry:
    """One stack of a batch.

    Parameters
    ----------
    name : str
        Name of its outputs, unique in the batch.
    source : str
        File, folder or URL of the images.
    options : mapping
        Options of the command ``segment`` for this stack, by name without dashes in front. They
        override those of the batch.
    notes : tuple of str
        What was chosen for the stack, to be reported before the batch starts.
    """

    name: str
    source: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackList:
    """The stacks of a folder or a job file.

    Parameters
    ----------
    stacks : tuple of StackEntry
        The stacks, by name.
    options : mapping
        Options of all stacks.
    left_out : mapping
        Why a file or folder is not segmented, by its name.
    """

    stacks: tuple[StackEntry, ...]
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shard:
    """A part of a batch that runs by itself, e.g. as one job of an array.

    Parameters
    ----------
    number : int
        Number of the part, from 0.
    count : int
        Number of parts.
    """

    number: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard of ``I/N``.

        Raises
        ------
        UserError
            If the text has another form, or there is no such part.
        """
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
            raise UserError(
                f"There is no shard {text!r}. Use I/N with I from 0 to N - 1, e.g. 0/2 and 1/2."
            )
        return cls(int(number), int(count))

    def of(self, stacks: Sequence[StackEntry]) -> tuple[StackEntry, ...]:
        """Return the stacks of this part; all parts together have each stack once."""
        return tuple(sorted(stacks, key=lambda stack: stack.name)[self.number :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def check_names(stacks: Iterable[StackEntry]) -> None:
    """Check that outputs of no two stacks have one name.

    Raises
    ------
    UserError
        If names are equal, also if they differ in upper and lower case only, or are no file names.
    """
    by_name: dict[str, list[StackEntry]] = defaultdict(list)
    for stack in stacks:
        if stack.name in ("", ".", "..") or {"/", "\\"} & set(stack.name):
            raise UserError(
                f"{stack.name!r} cannot name the outputs of {stack.source}. Give a name without "
                "slashes."
            )
        by_name[stack.name.casefold()].append(stack)
    equal = [found for found in by_name.values() if len(found) > 1]
    if equal:
        names = " and ".join(stack.source for stack in equal[0])
        raise UserError(
            f"Two stacks have the name {equal[0][0].name}: {names}. Rename one, or give each a "
            "name in a job file (name: ...)."
        )


def listed(names: Sequence[str]) -> str:
    """Return the first of some names for a message, and how many more there are."""
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
