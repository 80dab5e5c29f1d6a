"""Pixel sizes of slide scanners' files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_sam2.images.calibration import AxisStep

if TYPE_CHECKING:
    import tifffile


def slide_steps(file: tifffile.TiffFile, page: tifffile.TiffPage) -> dict[str, AxisStep] | None:
    """Return the pixel sizes of an image of a slide, None for files of other kinds.

    Parameters
    ----------
    file : TiffFile
        The open file; Aperio SVS and Leica SCN are known.
    page : TiffPage
        First page of the image.
    """
    if file.is_svs and (size := _svs_pixel_size(page.description)):
        return {axis: AxisStep(size, "micrometer") for axis in "YX"}
    if file.is_scn and file.scn_metadata:
        return _scn_steps(file.scn_metadata, (page.imagelength, page.imagewidth))
    return None


def _svs_pixel_size(description: str) -> float:
    """Return the pixel size of an Aperio slide in µm, 0 if it is not stated."""
    from tifffile.tifffile import svs_description_metadata

    try:
        return float(svs_description_metadata(description).get("MPP") or 0)
    except ValueError:
        return 0.0


def _scn_steps(xml: str, shape: tuple[int, int]) -> dict[str, AxisStep]:
    """Return the pixel sizes of the Leica image of a shape; its views are in nanometers."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    for image in root.iter():
        pixels, view = image.find("{*}pixels"), image.find("{*}view")
        if pixels is None or view is None:
            continue
        try:
            counts = int(pixels.attrib["sizeY"]), int(pixels.attrib["sizeX"])
            lengths = float(view.attrib["sizeY"]), float(view.attrib["sizeX"])
        except (KeyError, ValueError):
            continue
        if counts == shape and min(lengths) > 0:
            sizes = (length / count / 1000 for length, count in zip(lengths, counts, strict=True))
            return {a: AxisStep(s, "micrometer") for a, s in zip("YX", sizes, strict=True)}
    return {}
