"""What a search looks for."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.candidates.candidate import CandidateSource
from napari_sam2.core.errors import UserError

_UNLIKE = "not"
_SEPARATORS = ".?"
"""Where Grounding DINO separates phrases."""


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """What a search looks for: everything, what fits one of several phrases, or what looks alike.

    Parameters
    ----------
    source : CandidateSource
        How candidates are found.
    phrases : tuple of str
        What to find by text; empty otherwise.
    like, unlike : tuple of int
        Ids of the examples and counter-examples; empty otherwise.

    Raises
    ------
    UserError
        If a phrase is empty or has a dot inside, there is no example, or one is a counter-example
        too.
    """

    source: CandidateSource = CandidateSource.EVERYTHING
    phrases: tuple[str, ...] = ()
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        by_text = self.source is CandidateSource.TEXT
        if by_text:
            _check_phrases(self.phrases)
        if self.source is CandidateSource.EXAMPLE and not self.like:
            raise UserError("There is no example. Give the id of an object, as in like:3.")
        if both := set(self.like) & set(self.unlike):
            raise UserError(f"Object {min(both)} is an example and a counter-example. Choose one.")

    @classmethod
    def of_phrases(cls, text: str) -> SearchTarget:
        """Return the target of phrases that are separated by ``;``, in quotes or not.

        Raises
        ------
        UserError
            If a phrase is empty or has a dot inside.
        """
        phrases = (part.strip().strip("\"'").strip() for part in text.split(";"))
        return cls(CandidateSource.TEXT, tuple(phrases))

    @classmethod
    def parse(cls, text: str) -> SearchTarget:
        """Return the target that a command line option names.

        Parameters
        ----------
        text : str
            ``everything``; ``text:PHRASE;PHRASE...``, each phrase in quotes or not; or
            ``like:ID,ID...`` with ``;not:ID,ID...`` behind it for counter-examples.

        Raises
        ------
        UserError
            If it is neither.
        """
        kind, _, rest = text.partition(":")
        if text == CandidateSource.EVERYTHING.value:
            return cls()
        if kind == CandidateSource.TEXT.value:
            return cls.of_phrases(rest)
        if kind == CandidateSource.EXAMPLE.value:
            like, _, unlike = rest.partition(f";{_UNLIKE}:")
            return cls(CandidateSource.EXAMPLE, like=_ids(like), unlike=_ids(unlike))
        raise UserError(
            f'--find does not know "{text}". Give everything, like:ID or text:"PHRASE".'
        )

    def __str__(self) -> str:
        if self.source is CandidateSource.TEXT:
            return f"text:{';'.join(self.phrases)}"
        if self.source is CandidateSource.EXAMPLE:
            unlike = f";{_UNLIKE}:{_join(self.unlike)}" if self.unlike else ""
            return f"{self.source.value}:{_join(self.like)}{unlike}"
        return self.source.value


def _check_phrases(phrases: tuple[str, ...]) -> None:
    words = [phrase.strip(_SEPARATORS + " ") for phrase in phrases]
    if not (words and all(words)):
        raise UserError('A phrase is empty. Give words, as in text:"red car".')
    if several := [phrase for phrase in words if set(phrase) & set(_SEPARATORS)]:
        raise UserError(
            f'A text model reads "{several[0]}" as several phrases, because of the dot or question '
            "mark. Separate phrases by ; instead."
        )


def _ids(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UserError(f'"{text}" are not ids of objects. Give numbers, as in like:3,5;not:8.')
    return tuple(sorted({int(part) for part in parts}))


def _join(ids: tuple[int, ...]) -> str:
    return ",".join(map(str, ids))


EVERYTHING = SearchTarget()
"""What is searched for unless something else is asked for."""
