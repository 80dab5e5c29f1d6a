"""Strict parsing of JSON, with error messages that give the position in the file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from napari_sam2.core.errors import UserError


def parse_json(text: str, name: str) -> JsonNode:
    """Return the top-level value of a JSON text.

    Parameters
    ----------
    text : str
        JSON (RFC 8259).
    name : str
        Name of the file, for messages.

    Raises
    ------
    UserError
        If the text is empty or is not valid JSON (the message gives line and column), or if an
        object repeats a key.
    """
    if not text.strip():
        raise UserError(f"{name} is empty.")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise UserError(f"{name} has the key {key!r} twice in one object.")
            found[key] = value
        return found

    try:
        return JsonNode(json.loads(text, object_pairs_hook=unique), name)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{name} is broken JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{name} holds a number that is too long.") from error
    except RecursionError as error:
        raise UserError(f"{name} is nested too deeply.") from error


@dataclass(frozen=True, slots=True)
class JsonNode:
    """A JSON value with its position in the file.

    Parameters
    ----------
    value : object
        Value as decoded by :mod:`json`.
    place : str
        File and path to the value, for messages, e.g.
        ``"prompts.json: objects[0].points[2]"``.
    """

    value: Any
    place: str

    def fail(self, expected: str) -> UserError:
        """Return the error to raise for a value of another kind than ``expected``."""
        found = json.dumps(self.value, default=repr, skipkeys=True)
        return UserError(f"{self.place}: expected {expected}, not {found[:60]}.")

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Add the position of this value to every :class:`UserError` raised inside."""
        try:
            yield
        except UserError as error:
            if str(error).startswith(self.place.partition(":")[0]):
                raise
            raise UserError(f"{self.place}: {error}") from error

    def fields(
        self, required: Collection[str], optional: Collection[str] = ()
    ) -> dict[str, JsonNode]:
        """Return the values of an object by key.

        Raises
        ------
        UserError
            If the value is not an object, lacks a required key or has an unknown one.
        """
        if not isinstance(self.value, dict):
            raise self.fail("an object {...}")
        known = [*required, *optional]
        for key in self.value:
            if key not in known:
                raise UserError(
                    f"{self.place}: unknown key {key!r}; known keys are {', '.join(known)}."
                )
        for key in required:
            if key not in self.value:
                raise UserError(f"{self.place}: the key {key!r} is missing.")
        return {key: self._at(f".{key}", value) for key, value in self.value.items()}

    def items(self) -> list[JsonNode]:
        """Return the items of a list."""
        if not isinstance(self.value, (list, tuple)):
            raise self.fail("a list [...]")
        return [self._at(f"[{i}]", value) for i, value in enumerate(self.value)]

    def integer(self) -> int:
        """Return an integer; booleans and floats are refused."""
        if not isinstance(self.value, Integral) or isinstance(self.value, bool):
            raise self.fail("a whole number")
        return int(self.value)

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.fail("true or false")
        return self.value

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self.fail("a text")
        return self.value

    def pair(self) -> tuple[float, float]:
        """Return a list of two numbers as (y, x)."""
        y, x = (item.number() for item in self._two())
        return y, x

    def pairs(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return a list of two (y, x) pairs."""
        first, second = self._two()
        return first.pair(), second.pair()

    def number(self) -> float:
        """Return a number as a float; booleans are refused."""
        if not isinstance(self.value, Real) or isinstance(self.value, bool):
            raise self.fail("a number")
        try:
            return float(self.value)
        except OverflowError:
            raise self.fail("a number that float64 can hold") from None

    def _two(self) -> list[JsonNode]:
        items = self.items()
        if len(items) != 2:
            raise self.fail("two values, y before x")
        return items

    def _at(self, step: str, value: Any) -> JsonNode:
        separator = "" if ": " in self.place or step[0] == "[" else ": "
        step = step if ": " in self.place else step.removeprefix(".")
        return JsonNode(value, f"{self.place}{separator}{step}")
