"""Where a history keeps the values of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from napari_sam2.session.history.edit_keys import EditedPlace, EditKey, EditValue


@dataclass(frozen=True, slots=True)
class StepHeader:
    """A step without its values.

    Parameters
    ----------
    number : int
        Later steps have higher numbers.
    title : str
        What the step did.
    place : EditedPlace
        Where it was made.
    undone : bool
        Whether it was undone.
    action : int
        Its number in the log of actions; 0 without a log.
    """

    number: int
    title: str
    place: EditedPlace
    undone: bool = False
    action: int = 0


class StepStorage(Protocol):
    """Values of steps, by step and key; all calls are made under the lock of the history."""

    def transaction(self) -> AbstractContextManager[object]:
        """Make the changes of a block together."""

    def save(self, header: StepHeader) -> None:
        """Add a step, or replace its header."""

    def headers(self) -> tuple[StepHeader, ...]:
        """Return all steps, by number."""

    def drop(self, number: int) -> None:
        """Delete a step with its values."""

    def put(self, number: int, key: EditKey, value: EditValue) -> None:
        """Store the value that a step holds for a key."""

    def get(self, number: int, key: EditKey) -> EditValue:
        """Return the value that a step holds for a key; KeyError if there is none."""

    def keys(self, number: int) -> tuple[EditKey, ...]:
        """Return the keys of a step."""

    def last(self, key: EditKey, first: int) -> int | None:
        """Return the last step that is not undone, from ``first`` on, with a value for a key."""

    def write(self, key: EditKey, value: EditValue) -> None:
        """Save the present value of a key; masks are saved by their own store."""


class MemoryStepStorage:
    """Values of steps in memory; see :class:`StepStorage`."""

    def __init__(self) -> None:
        self._headers: dict[int, StepHeader] = {}
        self._values: dict[int, dict[EditKey, EditValue]] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do nothing: changes of memory need no transaction."""
        yield

    def save(self, header: StepHeader) -> None:
        """Add a step, or replace its header."""
        self._headers[header.number] = header
        self._values.setdefault(header.number, {})

    def headers(self) -> tuple[StepHeader, ...]:
        """Return all steps, by number."""
        return tuple(header for _, header in sorted(self._headers.items()))

    def drop(self, number: int) -> None:
        """Delete a step with its values."""
        del self._headers[number], self._values[number]

    def put(self, number: int, key: EditKey, value: EditValue) -> None:
        """Store the value that a step holds for a key."""
        self._values[number][key] = value

    def get(self, number: int, key: EditKey) -> EditValue:
        """Return the value that a step holds for a key; KeyError if there is none."""
        return self._values[number][key]

    def keys(self, number: int) -> tuple[EditKey, ...]:
        """Return the keys of a step."""
        return tuple(self._values[number])

    def last(self, key: EditKey, first: int) -> int | None:
        """Return the last step that is not undone, from ``first`` on, with a value for a key."""
        for number in reversed(self._headers):
            if number < first:
                return None
            if key in self._values[number] and not self._headers[number].undone:
                return number
        return None

    def write(self, key: EditKey, value: EditValue) -> None:
        """Do nothing: the value lives in memory."""
