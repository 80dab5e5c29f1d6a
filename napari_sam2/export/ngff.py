"""The metadata of OME-Zarr images and labels, NGFF 0.5.

The specification is https://ngff.openmicroscopy.org/0.5/.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_sam2.export.calibration import Calibration

VERSION = "0.5"
_GOLDEN = 0.618033988749895


@dataclass(frozen=True, slots=True)
class Pyramid:
    """What the metadata say about an array and its coarser copies.

    Parameters
    ----------
    calibration : Calibration
        Axes and pixel sizes of the finest level, without channels.
    factors : sequence of tuple of int
        For each level, how much larger a step is along each axis.
    channel : int or None
        Where the channel axis is inserted.
    mean : bool
        Whether coarser pixels are means, which lie between the finer ones' centres.
    """

    calibration: Calibration
    factors: Sequence[tuple[int, ...]]
    channel: int | None = None
    mean: bool = False

    def multiscales(self, name: str) -> list[dict[str, Any]]:
        """Return the ``multiscales`` entry."""
        axes = self.calibration.ngff_axes()
        if self.channel is not None:
            axes.insert(self.channel, {"name": "c", "type": "channel"})
        return [{"name": name, "axes": axes, "datasets": list(map(self._dataset, self._levels))}]

    @property
    def _levels(self) -> range:
        return range(len(self.factors))

    def _dataset(self, level: int) -> dict[str, Any]:
        pairs = list(zip(self.calibration.scale, self.factors[level], strict=True))
        scale = [step * factor for step, factor in pairs]
        shift = [step * (factor - 1) / 2 for step, factor in pairs]
        if self.channel is not None:
            scale.insert(self.channel, 1.0)
            shift.insert(self.channel, 0.0)
        moves: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if self.mean and any(shift):
            moves.append({"type": "translation", "translation": shift})
        return {"path": str(level), "coordinateTransformations": moves}


def image_label(ids: Iterable[int]) -> dict[str, Any]:
    """Return the ``image-label`` entry: colours, and the image two folders up."""
    colours = [{"label-value": i, "rgba": list(colour(i))} for i in sorted(set(ids))]
    return {"colors": colours, "source": {"image": "../../"}}


def colour(object_id: int) -> tuple[int, int, int, int]:
    """Return a colour (RGBA, 0..255) for an object; ids in a row look different."""
    red, green, blue = colorsys.hsv_to_rgb(object_id * _GOLDEN % 1, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255), 255
