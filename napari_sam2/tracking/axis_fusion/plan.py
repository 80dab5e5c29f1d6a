"""The plan of a run along several axes of a volume: its axes, and how planes are interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from napari_sam2.core.errors import UserError

MIN_RATIO = 3.0
"""Planes are interpolated between slices that are more than this many pixels apart."""
MAX_FACTOR = 16
"""Largest number of steps into which the step between two slices is divided."""


@dataclass(frozen=True, slots=True)
class InterpolatedPlanes:
    """How many planes are interpolated between two slices.

    Parameters
    ----------
    number : int or None
        The number; None takes it from the distance of the slices.
    """

    number: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the value of ``auto`` or of a number.

        Raises
        ------
        UserError
            If the text is neither.
        """
        if text.strip().lower() == "auto":
            return cls()
        if not text.strip().isdecimal() or not 1 <= int(text) < MAX_FACTOR:
            raise UserError(
                f"Cannot interpolate {text!r} planes. Use auto, or a number from 1 to "
                f"{MAX_FACTOR - 1}."
            )
        return cls(int(text))


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """Along which axes a volume is followed, and on which planes.

    Parameters
    ----------
    axes : tuple of str
        The axes in the order of computation, lower case; the first is z, where the prompts are.
    z_factor : int
        Number of steps into which the step between two slices is divided in the run along z;
        1 interpolates no planes.
    row_factor : int
        The same for the rows of the planes along y and x, so that their pixels are square.
    """

    axes: tuple[str, ...] = ("z",)
    z_factor: int = 1
    row_factor: int = 1

    def factor(self, axis: str) -> int:
        """Return the number of steps per slice in the run along an axis."""
        return self.z_factor if axis == "z" else self.row_factor

    def lines(self) -> tuple[str, ...]:
        """Return the plan as text, one line per step."""
        between = self.z_factor - 1
        planes = f", with {_count(between, 'interpolated plane')} between two" if between else ""
        steps = [f"Along z from the prompts{planes}."]
        rows = self.row_factor - 1
        tall = f", with {_count(rows, 'interpolated row')} between two slices" if rows else ""
        steps += [
            f"Along {axis} from cross-sections of the masks along z{tall}."
            for axis in self.axes[1:]
        ]
        if len(self.axes) > 1:
            steps.append("Each voxel gets the mean logit of all axes; prompted masks stay.")
        return tuple(f"{number}. {text}" for number, text in enumerate(steps, 1))


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' * (number > 1)}"


def rows_per_slice(ratio: float | None) -> int:
    """Return the number of steps per slice at which pixels of planes along y and x are square.

    Parameters
    ----------
    ratio : float or None
        Distance of slices in pixels; None if it is unknown, which counts as 1.
    """
    return min(max(round(ratio or 1), 1), MAX_FACTOR)


def planes_per_slice(ratio: float | None) -> int:
    """Return the number of steps per slice at which planes along z are a pixel apart.

    1, for no interpolated planes, if slices are at most :data:`MIN_RATIO` pixels apart.

    Parameters
    ----------
    ratio : float or None
        Distance of slices in pixels; None if it is unknown.

    Raises
    ------
    UserError
        If the distance is unknown.
    """
    if ratio is None:
        raise UserError(
            "The distance of the slices is not known, so planes cannot be interpolated by it. "
            "Give the number of planes between two slices in place of auto, or an image that "
            "states its pixel sizes along z, y and x."
        )
    return rows_per_slice(ratio) if ratio > MIN_RATIO else 1
