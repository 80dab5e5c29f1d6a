"""Prompt types: points, boxes and masks for one object on one frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.coordinates import FixedPosition


class PromptKey(NamedTuple):
    """Identifies the prompts of one object on one frame.

    Parameters
    ----------
    position : FixedPosition
        Position on the axes that are neither propagated nor in the plane; it selects the session.
    object_id : int
        The label value, at least 1.
    frame : int
        Position along the propagated axis.
    """

    position: FixedPosition
    object_id: int
    frame: int


def _check_place(object_id: int, frame: int) -> None:
    if object_id < 1:
        raise UserError(f"Object id {object_id} is not allowed: ids start at 1, 0 is background.")
    if frame < 0:
        raise UserError(f"Object {object_id}: frame {frame} is negative; frames count from 0.")


def _check_finite(prompt: Prompt, *numbers: float) -> None:
    if not all(isfinite(number) for number in numbers):
        raise UserError(f"{describe(prompt)} has a coordinate that is not a finite number.")


@dataclass(frozen=True, slots=True)
class PointPrompt:
    """A click inside or outside an object.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    frame : int
        Position along the propagated axis.
    yx : tuple of float
        In pixels of the plane; integers are pixel centers.
    label : int
        1 inside, 0 outside the object.

    Raises
    ------
    UserError
        If a value is out of its range.
    """

    object_id: int
    frame: int
    yx: tuple[float, float]
    label: int = 1

    def __post_init__(self) -> None:
        _check_place(self.object_id, self.frame)
        _check_finite(self, *self.yx)
        if self.label not in (0, 1):
            raise UserError(
                f"{describe(self)} has label {self.label}: use 1 for inside, 0 for outside."
            )


@dataclass(frozen=True, slots=True)
class BoxPrompt:
    """A rectangle around an object.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    frame : int
        Position along the propagated axis.
    yx0, yx1 : tuple of float
        Half-open pixel bounds: rows ``yx0[0] <= y < yx1[0]``, columns likewise.

    Raises
    ------
    UserError
        If a value is out of its range or the box has no area.
    """

    object_id: int
    frame: int
    yx0: tuple[float, float]
    yx1: tuple[float, float]

    def __post_init__(self) -> None:
        _check_place(self.object_id, self.frame)
        _check_finite(self, *self.yx0, *self.yx1)
        if self.yx1[0] <= self.yx0[0] or self.yx1[1] <= self.yx0[1]:
            raise UserError(
                f"{describe(self)} from {self.yx0} to {self.yx1} ends before it starts: "
                "write [[y0, x0], [y1, x1]] with y1 > y0 and x1 > x0."
            )


@dataclass(frozen=True, slots=True, eq=False)
class MaskPrompt:
    """The mask of an object, drawn or taken from a label image.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    frame : int
        Position along the propagated axis.
    mask : array_like
        (h, w), non-zero inside; stored as a read-only boolean array without empty rows and
        columns at its edges, so that equal masks give equal prompts.
    offset : tuple of int
        Row and column of the mask's first pixel on the plane.

    Raises
    ------
    UserError
        If the mask is not two-dimensional or has no pixel inside.
    """

    object_id: int
    frame: int
    mask: NDArray[np.bool_]
    offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        _check_place(self.object_id, self.frame)
        mask = np.asarray(self.mask)
        if mask.ndim != 2:
            raise UserError(f"{describe(self)} has {mask.ndim} dimensions instead of 2.")
        crop, (y, x) = _trim(mask != 0)
        if crop.size == 0:
            raise UserError(f"{describe(self)} is empty: no pixel lies inside.")
        crop.flags.writeable = False
        object.__setattr__(self, "mask", crop)
        object.__setattr__(self, "offset", (int(self.offset[0]) + y, int(self.offset[1]) + x))

    @classmethod
    def of(cls, object_id: int, frame: int, plane: ArrayLike) -> MaskPrompt:
        """Return the prompt for a mask of the whole plane (H, W)."""
        return cls(object_id, frame, np.asarray(plane))

    @property
    def window(self) -> Window:
        """Bounds of the mask on the plane."""
        return Window.of((self.mask.shape[0], self.mask.shape[1])).shift(*self.offset)

    def _key(self) -> tuple[int, int, tuple[int, int], tuple[int, ...], bytes]:
        packed = np.packbits(self.mask).tobytes()
        return self.object_id, self.frame, self.offset, self.mask.shape, packed

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, MaskPrompt) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())


Prompt = PointPrompt | BoxPrompt | MaskPrompt


def describe(prompt: Prompt) -> str:
    """Return a prompt's name for messages, e.g. ``"The box of object 2 on frame 5"``."""
    kind = type(prompt).__name__.removesuffix("Prompt").lower()
    return f"The {kind} of object {prompt.object_id} on frame {prompt.frame}"


def arrange(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    """Return the prompts of an object on a frame in order, or raise if they cannot be combined.

    Parameters
    ----------
    prompts : tuple of Prompt
        All of the same object and frame.

    Returns
    -------
    tuple of Prompt
        Points in the order given, then the box or the mask.

    Raises
    ------
    UserError
        If there are two boxes, two masks, or a mask beside anything else.
    """
    points = tuple(p for p in prompts if isinstance(p, PointPrompt))
    boxes = tuple(p for p in prompts if isinstance(p, BoxPrompt))
    masks = tuple(p for p in prompts if isinstance(p, MaskPrompt))
    for several in (boxes, masks):
        if len(several) > 1:
            raise UserError(f"{describe(several[0])} is given {len(several)} times: keep one.")
    if masks and len(prompts) > 1:
        raise UserError(
            f"{describe(masks[0])} excludes points and boxes there: a mask is used as it is. "
            "Remove the mask, or the points and boxes."
        )
    return points + boxes + masks


def _trim(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return np.zeros((0, 0), dtype=np.bool_), (0, 0)
    y, x = int(rows[0]), int(columns[0])
    return mask[y : int(rows[-1]) + 1, x : int(columns[-1]) + 1].copy(), (y, x)
