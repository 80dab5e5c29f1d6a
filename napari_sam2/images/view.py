"""Views: the windows of a plane that the model is shown, and the policy that selects them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window


class ViewMode(Enum):
    """How windows are chosen."""

    AUTO = "auto"
    FULL = "full"
    ZOOM = "zoom"


@dataclass(frozen=True, slots=True)
class ViewPolicy:
    """How windows are chosen, as a user says it.

    Parameters
    ----------
    mode : ViewMode
        ``AUTO`` zooms where an object would be too small to draw in the whole plane.
    pixels : int or None
        Side of every window, in pixels of the plane; only with ``ZOOM``.
    """

    mode: ViewMode = ViewMode.AUTO
    pixels: int | None = None

    @classmethod
    def parse(cls, text: str) -> ViewPolicy:
        """Read ``auto``, ``full``, ``zoom`` or ``zoom:PIXELS``.

        Raises
        ------
        UserError
            If the text is none of these.
        """
        mode, _, pixels = text.partition(":")
        if mode == "zoom" and pixels.isdecimal() and int(pixels) >= 8:
            return cls(ViewMode.ZOOM, int(pixels))
        if not pixels and ":" not in text and mode in {item.value for item in ViewMode}:
            return cls(ViewMode(mode))
        raise UserError(
            f"Cannot read the view {text!r}: use auto, full, zoom, or zoom:PIXELS with at least "
            "8 pixels, e.g. zoom:256."
        )

    def __str__(self) -> str:
        return self.mode.value if self.pixels is None else f"{self.mode.value}:{self.pixels}"


@dataclass(frozen=True, slots=True, order=True)
class View:
    """A window of the plane that goes to the model as one image.

    Parameters
    ----------
    window : Window
        In pixels of the full-resolution plane; a zoomed one may reach beyond the plane.
    zoomed : bool
        False for the whole plane, squeezed to the model's square input as the reference does.
    factor : int
        Plane pixels per image pixel along each axis: 1, or the pyramid level that is read.
    """

    window: Window
    zoomed: bool = False
    factor: int = 1

    @classmethod
    def full(cls, shape: tuple[int, int], factor: int = 1) -> View:
        """Return the view of a whole plane of ``shape`` (height, width)."""
        return cls(Window.of(shape), zoomed=False, factor=factor)

    @property
    def side(self) -> int:
        """Length of the longer side in plane pixels."""
        window = self.window
        return max(window.y1 - window.y0, window.x1 - window.x0)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the image that is encoded."""
        window, factor = self.window, self.factor
        return -((window.y0 - window.y1) // factor), -((window.x0 - window.x1) // factor)

    def __str__(self) -> str:
        if not self.zoomed:
            return "full"
        w = self.window
        return f"zoom {w.y0}:{w.y1},{w.x0}:{w.x1}"

    def points_in(self, yx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map pixel-center coordinates (..., 2) of the plane to those of the view's image."""
        offset = np.array([self.window.y0, self.window.x0], dtype=np.float64)
        return (yx - offset + 0.5) / self.factor - 0.5

    def box_in(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map half-open bounds (2, 2) of the plane to those of the view's image."""
        return (box - np.array([self.window.y0, self.window.x0], dtype=np.float64)) / self.factor
