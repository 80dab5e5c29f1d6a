"""Resizing of the part of a mask that holds an object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_sam2.masks.mask import RIM, positive_bounds


@dataclass(frozen=True)
class Resizing:
    """Resizes logits bilinearly from the size that the model predicts to that of a view's image.

    Only the part with positive logits is computed: whole masks of a large plane take seconds each.

    Parameters
    ----------
    source, target : tuple of int
        Heights and widths before and after.
    """

    source: tuple[int, int]
    target: tuple[int, int]

    @cached_property
    def _weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = _weights(self.source[0], self.target[0])
        return rows, _weights(self.source[1], self.target[1])

    def part_around(
        self, logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], tuple[int, int]]:
        """Return the resized part that holds all positive pixels and a rim, and its offset.

        Parameters
        ----------
        logits : NDArray[np.float32]
            (h, w) of ``source``.
        """
        bounds = positive_bounds(logits)
        if bounds is None:
            return np.zeros((0, 0), np.float32), (0, 0)
        rows, columns = self._weights
        y0, y1 = _span(bounds[0], bounds[2], self.source[0], self.target[0])
        x0, x1 = _span(bounds[1], bounds[3], self.source[1], self.target[1])
        part = rows[y0:y1] @ logits @ columns[x0:x1].T
        return np.asarray(part, np.float32), (y0, x0)


def _span(start: int, stop: int, source: int, target: int) -> tuple[int, int]:
    """Return the pixels after resizing that pixels before it can make positive, with a rim."""
    scale = target / source
    return max(int((start - 1) * scale) - RIM, 0), min(int((stop + 1) * scale) + 1 + RIM, target)


def _weights(source: int, target: int) -> NDArray[np.float32]:
    """Return the weights (target, source) of linear interpolation between pixel centers."""
    centers = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.maximum(1 - np.abs(centers[:, None] - np.arange(source)), 0).astype(np.float32)
