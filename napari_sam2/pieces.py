"""Leave out specks: an object that was shown in one piece stays in one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.blend import LIMIT
from napari_sam2.questions import RIM, Patch, Question

_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Which pieces of a mask belong to its object.

    Parameters
    ----------
    least : float
        Share of the largest piece's area that another piece must have; 0 keeps all pieces.
    """

    least: float = 0.0

    def main(self, patch: Patch, points: NDArray[np.float64] | None = None) -> Patch:
        """Return the mask without its specks.

        Parameters
        ----------
        patch : Patch
            Logits on the plane.
        points : NDArray[np.float64], optional
            (N, 2) y and x on the plane; pieces that hold one of them stay.

        Returns
        -------
        Patch
            The very same one if nothing was left out.
        """
        if self.least <= 0 or patch.logits.size == 0:
            return patch
        labels, count = ndimage.label(patch.logits > 0, _EIGHT_NEIGHBOURS)
        if count < 2:
            return patch
        areas = np.bincount(labels.ravel())[1:]
        kept = np.concatenate(([True], areas >= self.least * areas.max()))
        kept[_at(labels, patch, points)] = True
        return patch if kept.all() else _only(patch, kept[labels])

    def answer(self, question: Question, patch: Patch) -> Patch:
        """Return an answer's mask without specks, unless an earlier mask showed the object."""
        return patch if question.given else self.main(patch, question.inside)

    def whole(self, patch: Patch) -> bool:
        """Whether a mask has no specks."""
        return self.main(patch) is patch


def _at(
    labels: NDArray[np.integer], patch: Patch, points: NDArray[np.float64] | None
) -> NDArray[np.integer]:
    """Return the numbers of the pieces under points; 0 beside them."""
    if points is None or not len(points):
        return np.zeros(0, np.intp)
    y, x = (np.rint(points).astype(int) - patch.window.offset).T
    inside = (y >= 0) & (x >= 0) & (y < labels.shape[0]) & (x < labels.shape[1])
    found: NDArray[np.integer] = labels[y[inside], x[inside]]
    return found


def _only(patch: Patch, kept: NDArray[np.bool_]) -> Patch:
    cleaned = Patch(patch.window, np.where(kept, patch.logits, np.float32(-LIMIT)))
    box = cleaned.box
    if box is None:
        return cleaned
    window = box.grow(RIM).intersect(patch.window)
    crop = cleaned.logits[window.relative_to(patch.window).slices]
    return Patch(window, np.ascontiguousarray(crop))
