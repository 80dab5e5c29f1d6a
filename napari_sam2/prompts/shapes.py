"""Outlines drawn on a plane as prompts: rectangles as boxes, other outlines as masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage import draw

from napari_sam2.prompts.types import BoxPrompt, MaskPrompt

Vertices = NDArray[np.float64]

_ELLIPSE_POINTS = 64


def outline_prompt(
    yx: Vertices, kind: str, object_id: int, frame: int, shape: tuple[int, int]
) -> BoxPrompt | MaskPrompt | None:
    """Return the prompt for an outline; None if it encloses no pixel.

    Parameters
    ----------
    yx : NDArray[np.float64]
        Vertices, (N, 2), in pixels of the plane; integers are pixel centers. An ellipse is given
        by the corners of its bounding rectangle.
    kind : str
        Shape type of napari; a ``"rectangle"`` parallel to the axes gives a box, everything else
        the mask of the pixels whose centers it encloses.
    object_id, frame : int
        Label value, and position along the propagated axis.
    shape : tuple of int
        Height and width of the plane; boxes and masks are cut off at its edges.
    """
    if is_box(yx, kind):
        low, high = np.clip([yx.min(axis=0) + 0.5, yx.max(axis=0) + 0.5], 0, shape)
        if (high - low).min() < 1:
            return None
        return BoxPrompt(object_id, frame, _pair(low), _pair(high))
    mask, offset = _rasterize(yx, kind, shape)
    return MaskPrompt(object_id, frame, mask, offset) if mask.any() else None


def is_box(yx: Vertices, kind: str) -> bool:
    """Return whether a shape is a rectangle parallel to the axes of the plane."""
    return kind == "rectangle" and all(len(set(np.round(c, 3))) <= 2 for c in yx.T)


def _rasterize(
    yx: Vertices, kind: str, shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Return the pixels inside an outline, as a crop (h, w) with its offset (y, x)."""
    y0, x0 = np.floor(yx.min(axis=0)).astype(int).clip(0)
    y1, x1 = np.ceil(yx.max(axis=0)).astype(int) + 1
    mask = np.zeros((max(min(y1, shape[0]) - y0, 0), max(min(x1, shape[1]) - x0, 0)), bool)
    if mask.size:
        local = yx - (y0, x0)
        outline = _ellipse(local) if kind == "ellipse" else local
        mask[draw.polygon(outline[:, 0], outline[:, 1], mask.shape)] = True
    return mask, (int(y0), int(x0))


def _ellipse(corners: Vertices) -> Vertices:
    """Return 64 points, (64, 2), on the ellipse inscribed in a rectangle (4, 2)."""
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)[:, None]
    center = corners.mean(axis=0)
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return np.asarray(center + np.cos(angle) * first + np.sin(angle) * second)


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
