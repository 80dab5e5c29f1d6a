"""The colors of the objects."""

from __future__ import annotations

from napari.utils.colormaps import CyclicLabelColormap

COLORS = (
    "#39a7ff", "#ffb02e", "#3ddc97", "#ff6f91", "#b388ff", "#f9f871", "#00d4c8", "#ff8552",
    "#8be04e", "#f78fe0", "#5b8cff", "#e5c07b", "#4dd0e1", "#ff5c5c", "#a0d468", "#c792ea",
    "#ffd166", "#26c6a2", "#ef9a9a",
)  # fmt: skip
"""Colors of the labels, bright enough for gray images; they are repeated."""


def label_colormap() -> CyclicLabelColormap:
    """Return the colormap of the Labels layers."""
    return CyclicLabelColormap(("transparent", *COLORS))


def object_color(object_id: int) -> str:
    """Return the color of an object, e.g. ``"#39a7ff"``, as its label is shown."""
    return COLORS[(object_id - 1) % len(COLORS)]
