"""The planes on which an object is followed from one time point to the next."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MAX_KEY_PLANES = 3
"""Number of planes that are tried before an object counts as absent at a time point."""


def key_planes(areas: Mapping[int, int]) -> tuple[int, ...]:
    """Return the planes on which to look for an object at the next time point, best first.

    The first is the plane where the object is largest, the middle one of several. If it is not
    found there, it may have moved along z: the others are those at a quarter and at three quarters
    of its area, counted from its first plane.

    Parameters
    ----------
    areas : Mapping[int, int]
        Area of the object on each plane where it has a mask, in pixels.

    Returns
    -------
    tuple of int
        At most :data:`MAX_KEY_PLANES` planes; empty for an object without a pixel.
    """
    planes = np.array(sorted(z for z, area in areas.items() if area > 0), np.intp)
    if not len(planes):
        return ()
    area = np.array([areas[int(z)] for z in planes], np.float64)
    largest = planes[area == area.max()]
    below = np.cumsum(area) / area.sum()
    quarters = (planes[int(np.searchsorted(below, share))] for share in (0.25, 0.75))
    found = dict.fromkeys(int(z) for z in (largest[len(largest) // 2], *quarters))
    return tuple(found)[:MAX_KEY_PLANES]
