"""What a search looks for."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.candidates.candidate import CandidateSource
from napari_sam2.core.errors import UserError


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """What a search looks for: everything, or what fits one of several phrases.

    Parameters
    ----------
    source : CandidateSource
        How candidates are found.
    phrases : tuple of str
        What to find by text; empty otherwise.

    Raises
    ------
    UserError
        If a phrase is empty.
    """

    source: CandidateSource = CandidateSource.EVERYTHING
    phrases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        by_text = self.source is CandidateSource.TEXT
        if by_text and not (self.phrases and all(self.phrases)):
            raise UserError('A phrase is empty. Give words, as in text:"red car".')

    @classmethod
    def parse(cls, text: str) -> SearchTarget:
        """Return the target that a command line option names.

        Parameters
        ----------
        text : str
            ``everything``, or ``text:PHRASE;PHRASE...``, each phrase in quotes or not.

        Raises
        ------
        UserError
            If it is neither.
        """
        kind, _, rest = text.partition(":")
        if text == CandidateSource.EVERYTHING.value:
            return cls()
        if kind == CandidateSource.TEXT.value:
            phrases = (part.strip().strip("\"'").strip() for part in rest.split(";"))
            return cls(CandidateSource.TEXT, tuple(phrases))
        raise UserError(f'--find does not know "{text}". Give everything or text:"PHRASE".')

    def __str__(self) -> str:
        if self.source is CandidateSource.TEXT:
            return f"text:{';'.join(self.phrases)}"
        return self.source.value


EVERYTHING = SearchTarget()
"""What is searched for unless something else is asked for."""
