"""Which object owns each pixel of a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from math import inf, isnan

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.inference.tuning import MIN_OWNED_SHARE
from napari_sam2.masks.codec import quantize
from napari_sam2.masks.mask import MaskCrop

Bits = NDArray[np.bool_]


class Precedence(IntEnum):
    """Whose pixels count more; between equal ones the logits decide."""

    TRACKED = 0
    PROMPTED = 1
    PROTECTED = 2


@dataclass(frozen=True, eq=False)
class Contender:
    """The mask of an object on a frame where objects compete for pixels.

    Parameters
    ----------
    object_id : int
        The label value.
    crop : MaskCrop
        The mask.
    precedence : Precedence
        Whose pixels count more. ``TRACKED`` masks can be excluded, others cannot.
    object_score : float
        Logit of the object being visible; decides between equal logits.
    fixed : bool
        Whether the mask cannot lose pixels.
    """

    object_id: int
    crop: MaskCrop
    precedence: Precedence = Precedence.TRACKED
    object_score: float = 0.0
    fixed: bool = False

    @cached_property
    def steps(self) -> NDArray[np.int8]:
        """The crop's logits (h, w) as they are stored, positive inside the mask."""
        return quantize(self.crop.logits)

    @property
    def excludable(self) -> bool:
        """Whether the mask can be excluded."""
        return self.precedence is Precedence.TRACKED and not self.fixed

    @property
    def order(self) -> tuple[float, int]:
        """The larger one of two contenders wins pixels with equal logits."""
        score = -inf if isnan(self.object_score) else self.object_score
        return score, -self.object_id


@dataclass(frozen=True, eq=False)
class Ownership:
    """The owners of all pixels of a frame.

    Parameters
    ----------
    lost : Mapping[int, NDArray[np.bool_]]
        (h, w) of its crop for each object that lost pixels, true where it lost one.
    excluded : frozenset of int
        Objects that kept too little of their masks and have no pixel on the frame.
    """

    lost: Mapping[int, Bits]
    excluded: frozenset[int]


def settle(contenders: Sequence[Contender], *, exclude: bool = True) -> Ownership:
    """Return which object owns each pixel, and which objects have none.

    Each pixel of overlapping masks goes to the mask with the higher precedence, then to the one
    with the higher logit. A tracked object that keeps less than :data:`MIN_OWNED_SHARE` of its
    mask is excluded. The one that keeps the smallest share is excluded first and its pixels go to
    the others, until none keeps too little. The order of the contenders does not matter.

    Parameters
    ----------
    contenders : sequence of Contender
        The masks of a frame, one per object.
    exclude : bool
        Whether objects that keep too little are excluded; otherwise they have what they keep.
    """
    areas = {item.object_id: item.crop.area for item in contenders}
    scores = {item.object_id: item.order for item in contenders}
    excludable = {c.object_id for c in contenders if c.excludable}
    contests = _contests(contenders)
    excluded: set[int] = set()
    lost = {object_id: _united(rivals) for object_id, rivals in contests.items()}
    while exclude:
        shares = {
            o: 1 - np.count_nonzero(pixels) / areas[o]
            for o, pixels in lost.items()
            if o in excludable
        }
        weak = [o for o, share in shares.items() if share < MIN_OWNED_SHARE]
        if not weak:
            break
        weakest = min(weak, key=lambda o: (shares[o], scores[o]))
        excluded.add(weakest)
        del contests[weakest], lost[weakest]
        for object_id, rivals in contests.items():
            if rivals.pop(weakest, None) is not None:
                lost[object_id] = _united(rivals) if rivals else np.zeros_like(lost[object_id])
    return Ownership({o: pixels for o, pixels in lost.items() if pixels.any()}, frozenset(excluded))


def _united(rivals: Mapping[int, Bits]) -> Bits:
    """Return the pixels that an object loses to any of its rivals."""
    united: Bits = np.logical_or.reduce(list(rivals.values()))
    return united


def _contests(contenders: Sequence[Contender]) -> dict[int, dict[int, Bits]]:
    """Return the pixels (h, w) that each object loses to each rival that it shares pixels with."""
    found: dict[int, dict[int, Bits]] = {}
    for first, second in _overlapping(contenders):
        common = first.crop.window.intersect(second.crop.window)
        wins = _wins(first, second, common)
        for loser, winner, lost in ((second, first, wins > 0), (first, second, wins < 0)):
            if lost.any() and not loser.fixed:
                pixels = np.zeros(loser.crop.logits.shape, bool)
                pixels[common.relative_to(loser.crop.window).slices] = lost
                found.setdefault(loser.object_id, {})[winner.object_id] = pixels
    return found


def _wins(first: Contender, second: Contender, common: Window) -> NDArray[np.int8]:
    """Return 1 in each shared pixel that the first contender wins, -1 where the second does."""
    one, two = (c.steps[common.relative_to(c.crop.window).slices] for c in (first, second))
    shared = (one > 0) & (two > 0)
    if first.precedence is not second.precedence:
        sign = 1 if first.precedence > second.precedence else -1
        return np.where(shared, np.int8(sign), np.int8(0))
    # Between a new and a stored mask the label image decides, which prefers the lower id.
    by_id = first.fixed or second.fixed
    preferred = first.object_id < second.object_id if by_id else first.order > second.order
    higher = (one > two) | ((one == two) & preferred)
    return np.where(shared, np.where(higher, np.int8(1), np.int8(-1)), np.int8(0))


def _overlapping(contenders: Sequence[Contender]) -> Iterator[tuple[Contender, Contender]]:
    """Yield the pairs whose bounds overlap and that can take pixels from each other."""
    boxed = [(item, item.crop.box) for item in contenders]
    found = [(item, box) for item, box in boxed if box is not None]
    bounds = np.array([(b.y0, b.x0, b.y1, b.x1) for _, b in found]).reshape(-1, 4)
    for number, (item, _) in enumerate(found[:-1]):
        low = np.maximum(bounds[number, :2], bounds[number + 1 :, :2])
        high = np.minimum(bounds[number, 2:], bounds[number + 1 :, 2:])
        for other in np.flatnonzero(np.all(low < high, axis=1)):
            pair = item, found[number + 1 + int(other)][0]
            if not all(contender.fixed for contender in pair):
                yield pair
