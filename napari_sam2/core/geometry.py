"""Positions of planes in a stack, and rectangles on a plane."""

from __future__ import annotations

from dataclasses import dataclass

PlaneIndex = tuple[int, ...]
"""Position of a plane: one integer per axis that is neither in the plane nor channels."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open rectangle of pixels on a plane.

    Parameters
    ----------
    y0, x0, y1, x1 : int
        Bounds in pixels of the full-resolution plane: rows ``y0 <= y < y1``, columns
        ``x0 <= x < x1``. A window may extend beyond the plane; pixels outside are padding.

    Raises
    ------
    ValueError
        If ``y1 < y0`` or ``x1 < x0``.
    """

    y0: int
    x0: int
    y1: int
    x1: int

    def __post_init__(self) -> None:
        if self.y1 < self.y0 or self.x1 < self.x0:
            raise ValueError(f"Window ends before it starts: {self}")

    @classmethod
    def of(cls, shape: tuple[int, int]) -> Window:
        """Return the window that covers a whole plane of ``shape`` (height, width)."""
        return cls(0, 0, *shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def offset(self) -> tuple[int, int]:
        """First row and column, (y0, x0)."""
        return self.y0, self.x0

    @property
    def empty(self) -> bool:
        """Whether the window has no pixels."""
        return self.y1 == self.y0 or self.x1 == self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices; valid for indexing only within the plane (see :meth:`clip`)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def clip(self, shape: tuple[int, int]) -> Window:
        """Return the part inside a plane of ``shape`` (height, width); it may be empty."""
        height, width = shape
        y0, y1 = (min(max(value, 0), height) for value in (self.y0, self.y1))
        x0, x1 = (min(max(value, 0), width) for value in (self.x0, self.x1))
        return Window(y0, x0, y1, x1)

    def intersect(self, other: Window) -> Window:
        """Return the intersection with another window; it may be empty."""
        y0, x0 = max(self.y0, other.y0), max(self.x0, other.x0)
        return Window(y0, x0, max(y0, min(self.y1, other.y1)), max(x0, min(self.x1, other.x1)))

    def union(self, other: Window) -> Window:
        """Return the smallest window that contains both."""
        return Window(
            min(self.y0, other.y0),
            min(self.x0, other.x0),
            max(self.y1, other.y1),
            max(self.x1, other.x1),
        )

    def shift(self, dy: int, dx: int) -> Window:
        """Return the window moved by (dy, dx) pixels."""
        return Window(self.y0 + dy, self.x0 + dx, self.y1 + dy, self.x1 + dx)

    def grow(self, margin: int) -> Window:
        """Return the window enlarged by ``margin`` pixels on each side."""
        return Window(self.y0 - margin, self.x0 - margin, self.y1 + margin, self.x1 + margin)

    def contains(self, other: Window) -> bool:
        """Return whether ``other`` lies completely inside."""
        return self.intersect(other) == other

    def relative_to(self, other: Window) -> Window:
        """Return the window in coordinates whose origin is the first pixel of ``other``."""
        return self.shift(-other.y0, -other.x0)
