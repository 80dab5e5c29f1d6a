"""Candidates, and what limits their number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf

from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.types import MaskPrompt


class CandidateSource(Enum):
    """How candidates are found."""

    EVERYTHING = "everything"
    """Masks of a grid of points over the plane."""
    TEXT = "text"
    """Masks of the boxes that a detector finds by a phrase."""
    EXAMPLE = "like"
    """Masks of a grid of points that look like examples."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A mask on one plane that may be an object.

    Parameters
    ----------
    crop : MaskCrop
        The mask.
    score : float
        In 0..1: the product of the predicted IoU and the certainty of the mask's pixels; otherwise
        see :class:`napari_sam2.candidates.by_text.TextSearch` and
        :class:`napari_sam2.candidates.by_example.ExampleRanking`.
    source : CandidateSource
        How it was found.
    """

    crop: MaskCrop
    score: float
    source: CandidateSource = CandidateSource.EVERYTHING

    def prompt(self, object_id: int, frame: int) -> MaskPrompt:
        """Return the mask as a prompt of an object on a frame."""
        crop = self.crop
        return MaskPrompt(object_id, frame, crop.logits > 0, crop.window.offset)


@dataclass(frozen=True, slots=True)
class CandidateLimits:
    """Which candidates are kept.

    Parameters
    ----------
    min_score : float
        Smallest score, in 0..1.
    min_area, max_area : float
        Smallest and largest area in pixels of the plane.
    max_objects : int or None
        Largest number of candidates, best first; None keeps all.

    Raises
    ------
    UserError
        If a limit is impossible.
    """

    min_score: float = 0.5
    min_area: float = 0
    max_area: float = inf
    max_objects: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise UserError(f"The smallest score is {self.min_score:g}. Give a number from 0 to 1.")
        if not 0 <= self.min_area <= self.max_area:
            raise UserError(
                f"No area lies between {self.min_area:g} and {self.max_area:g} pixels. Give a "
                "smallest area that is not larger than the largest one."
            )
        if self.max_objects is not None and self.max_objects < 1:
            raise UserError(
                f"The largest number of objects is {self.max_objects}. Give at least 1."
            )

    def allows(self, area: int) -> bool:
        """Return whether an area in pixels is within the limits."""
        return self.min_area <= area <= self.max_area
