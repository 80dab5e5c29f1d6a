"""A division that was found, and what counts as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from napari_sam2.core.errors import UserError


@dataclass(frozen=True, slots=True)
class Division:
    """An object that divides.

    Parameters
    ----------
    parent : int
        The object.
    frame : int
        The first frame after the division.
    daughters : tuple of int
        Other objects that begin on the frame; empty if the mask of the parent itself consists of
        parts from the frame on.
    continues : bool
        Whether the parent has masks from the frame on, i.e. follows one daughter or all of them.
    score : float
        How well the areas fit a division, see :func:`division_score`; equal divisions may differ
        in it.
    """

    parent: int
    frame: int
    daughters: tuple[int, ...] = ()
    continues: bool = True
    score: float = field(default=1.0, compare=False)

    @property
    def text(self) -> str:
        """A sentence for the user."""
        if not self.daughters:
            return f"Object {self.parent} falls into parts on frame {self.frame}."
        names, where = " and ".join(map(str, self.daughters)), f"where object {self.parent} was"
        if len(self.daughters) > 1:
            return f"Objects {names} begin on frame {self.frame} {where}."
        return f"Object {names} begins on frame {self.frame} {where}."


@dataclass(frozen=True, slots=True)
class DivisionRules:
    """What counts as a division.

    Parameters
    ----------
    min_frames : int
        How long daughters or parts must last, unless the movie ends before.
    min_part : float
        Smallest area of a daughter or part, as a fraction of the parent's area before.
    max_part : float
        Largest area of each daughter, as a fraction of the parent's area before.
    min_overlap : float
        Smallest part of a daughter that lies where the parent was on the frame before.

    Raises
    ------
    UserError
        If a rule is impossible.
    """

    min_frames: int = 3
    min_part: float = 0.2
    max_part: float = 0.85
    min_overlap: float = 0.3

    def __post_init__(self) -> None:
        if self.min_frames < 1:
            raise UserError("Daughters last at least 1 frame. Give a larger number of frames.")
        if not 0 < self.min_part <= self.max_part:
            raise UserError(
                f"No daughter has between {self.min_part:g} and {self.max_part:g} of the area of "
                "its parent. Give a smallest fraction that is not larger than the largest one."
            )


def division_score(whole: int, parts: Iterable[int]) -> float:
    """Return how well areas fit a division into two equal parts, in 0..1.

    It is the ratio of the areas of both largest parts, times the ratio of their sum and the area
    before, or its inverse if that is smaller.

    Parameters
    ----------
    whole : int
        Area of the parent before, at least 1.
    parts : iterable of int
        Areas of daughters or parts, at least two.
    """
    second, first = sorted(parts)[-2:]
    total = first + second
    return second / first * min(total / whole, whole / total)
