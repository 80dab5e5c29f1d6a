"""Axes of TIFF images: names, and samples that are channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.images.axes import KNOWN
from napari_sam2.images.readers.tiff.display import has_alpha, is_rgb
from napari_sam2.images.readers.tiff.images import TiffImage, joins_along_first

if TYPE_CHECKING:
    import tifffile


def named_axes(image: TiffImage, file: tifffile.TiffFile) -> tuple[str | None, tuple[str, ...]]:
    """Return the axes of an image as its file names them, and notes for the user.

    Samples of pixels are channels (C) unless the file calls them a color. Axes are None where the
    file names none of them.

    Parameters
    ----------
    image : TiffImage
        The image; the frames of joined series come first.
    file : TiffFile
        Its file.
    """
    series = image.series
    axes = series.axes
    samples, notes = _samples(image)
    axes = axes.replace("S", samples)
    if len(image.parts) > 1 and not joins_along_first(series):
        axes = ("?" if "T" in axes else "T" if "Z" in axes else "?") + axes
    if _unnamed(series, file) and len(axes) > 2 and "C" not in axes and "S" not in axes:
        return None, notes
    return axes, notes + _wrong_name_notes(axes, series.shape)


def _unnamed(series: tifffile.TiffPageSeries, file: tifffile.TiffFile) -> bool:
    """Return whether tifffile named the last axes Y and X of a shape without names."""
    return series.kind == "shaped" and not any(a in KNOWN for a in series.axes[:-2])


def _samples(image: TiffImage) -> tuple[str, tuple[str, ...]]:
    """Return the letter of the axis of samples, C or S, and notes about them."""
    series = image.series
    if "S" not in series.axes:
        return "S", ()
    count = series.shape[series.axes.index("S")]
    page = series.keyframe
    color = is_rgb(page) and count in (3, 4)
    extra = tuple(int(value) for value in page.extrasamples)
    if color and count == 4 and extra == (0,):
        return "S", (
            "The pixels have 4 samples: the first three are read as RGB. If they are channels, "
            "name the last axis C, e.g. --axes YXC (axes= in Python).",
        )
    if color and has_alpha(page):
        return "S", ("The fourth sample of the pixels is transparency, which is not read.",)
    if color or "C" in series.axes:
        return "S", ()
    transparent = bool(extra) and extra[-1] in (1, 2)
    alpha = (
        " The last one is transparency: select the others with --channel N, once for each "
        "(channels= in Python)."
    ) * transparent
    return "C", (f"The pixels have {count} samples, which are read as channels.{alpha}",)


def _wrong_name_notes(axes: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return a note for 3-D files whose first axis is S or C.

    Writers that are given no axes store a movie of 3 or 4 frames as color samples and a longer
    one as channels.
    """
    if len(axes) != 3 or axes[0] not in "SC" or axes[1:] != "YX":
        return ()
    kind = "color samples" if axes[0] == "S" else "channels"
    return (
        f"The file calls its {shape[0]} planes {kind} of one image ({axes}): if they are frames, "
        "give the axes TYX or ZYX.",
    )
