"""Label planes in which the daughters of divisions have ids of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.lineage import FrameSpan, Lineage
from napari_sam2.tracking.division.division import Division

Labels = NDArray[np.integer]


class DaughterLabels:
    """Gives daughters new ids, frame by frame.

    A parent that continues gets a new id from the division on. A mask that falls into parts
    becomes two objects; each pixel belongs to the one that was nearer on the frame before.

    Parameters
    ----------
    divisions : iterable of Division
        Divisions of the labels.
    new_id : int
        The first id that is free; larger ones are free, too.
    """

    def __init__(self, divisions: Iterable[Division], new_id: int) -> None:
        self._divisions: dict[int, list[Division]] = defaultdict(list)
        for division in divisions:
            self._divisions[division.frame].append(division)
        self._next = new_id
        self._current: dict[int, int] = {}
        self._parts: dict[int, tuple[int, int]] = {}
        self._before: Labels | None = None
        self._parents: dict[int, int] = {}
        self._spans: dict[int, FrameSpan] = {}

    @property
    def lineage(self) -> Lineage:
        """Parents of all daughters that have pixels."""
        return Lineage({c: p for c, p in self._parents.items() if c in self._spans})

    @property
    def spans(self) -> dict[int, FrameSpan]:
        """First and last frame of all objects so far, by id."""
        return dict(sorted(self._spans.items()))

    def add(self, frame: int, labels: Labels) -> NDArray[np.uint32]:
        """Return the labels of the next frame with the ids of daughters."""
        starts = self._divisions.get(frame, [])
        for division in starts:
            self._divide(division)
        new = labels.astype(np.uint32)
        for original, current in self._current.items():
            new[labels == original] = current
        for original, parts in self._parts.items():
            mask = labels == original
            if mask.any():
                new[mask] = self._assigned(mask, parts)
        for object_id in np.unique(new[new > 0]).tolist():
            first = self._spans.get(object_id, FrameSpan(frame, frame)).first
            self._spans[object_id] = FrameSpan(first, frame)
        self._before = new
        return new

    def _divide(self, division: Division) -> None:
        original = division.parent
        parent = self._current.get(original, original)
        for daughter in division.daughters:
            self._parents[daughter] = parent
        if division.daughters:
            self._current[original] = self._daughter(parent)
        else:
            self._parts[original] = (self._daughter(parent), self._daughter(parent))

    def _daughter(self, parent: int) -> int:
        new, self._next = self._next, self._next + 1
        self._parents[new] = parent
        return new

    def _assigned(self, mask: NDArray[np.bool_], parts: tuple[int, int]) -> NDArray[np.uint32]:
        """Return one of two ids for each pixel of a mask."""
        seeds = [self._before == part for part in parts] if self._before is not None else []
        if not seeds or not all(seed.any() for seed in seeds):
            numbered, _ = ndimage.label(mask)
            largest = np.argsort(np.bincount(numbered.ravel())[1:], kind="stable")[::-1] + 1
            seeds = [numbered == largest[0], numbered == largest[min(1, len(largest) - 1)]]
        first, second = (ndimage.distance_transform_edt(~seed)[mask] for seed in seeds)
        return np.where(first <= second, parts[0], parts[1]).astype(np.uint32)
