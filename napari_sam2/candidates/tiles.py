"""Overlapping tiles of a plane."""

from __future__ import annotations

from math import ceil

import numpy as np


def tile_starts(length: int, side: int, overlap: int) -> list[int]:
    """Return where windows of ``side`` pixels begin that cover a length with an overlap."""
    if side >= length:
        return [(length - side) // 2]
    count = ceil((length - overlap) / (side - overlap))
    return np.linspace(0, length - side, count).round().astype(int).tolist()
