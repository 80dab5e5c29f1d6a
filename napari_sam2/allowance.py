"""Bound what second looks may cost: a frame with many objects is not looked at endlessly."""

from __future__ import annotations

_OBJECTS = 8
_LEAST = 5
_ANYWAY = 20


class Allowance:
    """Encodings that the second looks of one frame may still take: one for every eight objects.

    It is five at least, one object's search: a wider window, in which the prompted and the last
    mask are remembered again, and a near one, in which the prompted mask is; and what few objects,
    each in a window of its own, leave of twenty encodings. Features that happen to be kept count,
    too, so that masks depend on no cache.

    Parameters
    ----------
    objects : int
        Objects followed on the frame.
    """

    def __init__(self, objects: int) -> None:
        self.left = max(_LEAST, _ANYWAY - objects, objects // _OBJECTS)

    def take(self, encodings: int) -> bool:
        """Spend some encodings; return False, and spend nothing, if there are fewer left."""
        if encodings > self.left:
            return False
        self.left -= encodings
        return True
