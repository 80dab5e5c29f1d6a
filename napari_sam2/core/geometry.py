"""Rectangles on a plane."""

from __future__ import annotations

from dataclasses import dataclass

PlaneIndex = tuple[int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open rectangle of pixels on a plane.

    Parameters
    ----------
    y0, x0, y1, x1 : int
        Bounds in pixels of the full-resolution plane: rows ``y0 <= y < y1``, columns
        ``x0 <= x < x1``. They may reach beyond the plane; such pixels are padding.

    Raises
    ------
    ValueError
        If the rectangle is inside out.
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
        """Return the window that covers a plane of ``shape`` (height, width)."""
        return cls(0, 0, *shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def offset(self) -> tuple[int, int]:
        """The first row and column."""
        return self.y0, self.x0

    @property
    def empty(self) -> bool:
        """Whether no pixel lies inside."""
        return self.y1 == self.y0 or self.x1 == self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices; meaningful on a plane only after :meth:`clip`."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def clip(self, shape: tuple[int, int]) -> Window:
        """Return the part that lies on a plane of ``shape``, perhaps empty."""
        height, width = shape
        y0, y1 = (min(max(value, 0), height) for value in (self.y0, self.y1))
        x0, x1 = (min(max(value, 0), width) for value in (self.x0, self.x1))
        return Window(y0, x0, y1, x1)

    def intersect(self, other: Window) -> Window:
        """Return the common rectangle, empty where there is none."""
        y0, x0 = max(self.y0, other.y0), max(self.x0, other.x0)
        return Window(y0, x0, max(y0, min(self.y1, other.y1)), max(x0, min(self.x1, other.x1)))

    def union(self, other: Window) -> Window:
        """Return the smallest rectangle that contains both."""
        return Window(
            min(self.y0, other.y0),
            min(self.x0, other.x0),
            max(self.y1, other.y1),
            max(self.x1, other.x1),
        )

    def shift(self, dy: int, dx: int) -> Window:
        """Return the window moved by whole pixels."""
        return Window(self.y0 + dy, self.x0 + dx, self.y1 + dy, self.x1 + dx)

    def grow(self, margin: int) -> Window:
        """Return the window with ``margin`` pixels added on every side."""
        return Window(self.y0 - margin, self.x0 - margin, self.y1 + margin, self.x1 + margin)

    def contains(self, other: Window) -> bool:
        """Whether ``other`` lies wholly inside."""
        return self.intersect(other) == other

    def relative_to(self, other: Window) -> Window:
        """Return the same rectangle in coordinates that start at ``other``'s corner."""
        return self.shift(-other.y0, -other.x0)
