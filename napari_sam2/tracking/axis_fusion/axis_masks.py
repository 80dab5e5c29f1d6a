"""The masks of one run along an axis of a volume, and where they lie in the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.mask import MAX_LOGIT, MaskCrop
from napari_sam2.masks.store import MaskStore


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a volume.

    Parameters
    ----------
    slices : range
        Positions along z.
    window : Window
        Position in y and x.
    """

    slices: range
    window: Window

    def union(self, other: Box) -> Box:
        """Return the smallest box that contains both."""
        first = min(self.slices.start, other.slices.start)
        stop = max(self.slices.stop, other.slices.stop)
        return Box(range(first, stop), self.window.union(other.window))


@dataclass(frozen=True)
class AxisMasks:
    """The masks of one run.

    Parameters
    ----------
    axis : str
        The axis of the run: z, y or x.
    masks : MaskStore
        The masks.
    planes : sequence of tuple of int
        Full index of each frame in ``masks``.
    factor : int
        Number of frames (along z) or rows (along y and x) per slice of the volume.
    """

    axis: str
    masks: MaskStore
    planes: Sequence[PlaneIndex]
    factor: int

    def crop(self, object_id: int, frame: int) -> MaskCrop:
        """Return the mask of an object on a frame, without the pixels of other objects."""
        record = self.masks.get(object_id, self.planes[frame])
        return MaskCrop.empty() if record is None or not record.area else record.own_crop

    def box(self, object_id: int) -> Box | None:
        """Return the bounds of an object's crops in the volume; None for an object without one."""
        found: Box | None = None
        frames = {index: frame for frame, index in enumerate(self.planes)}
        for info in self.masks.infos(object_id):
            if info.area and info.index in frames:
                here = self._place(frames[info.index], info.window)
                found = here if found is None else found.union(here)
        return found

    def _place(self, frame: int, window: Window) -> Box:
        """Return the voxels of a crop, with slices between which interpolated ones lie."""
        if self.axis == "z":
            return Box(self._slices(frame, frame + 1), window)
        slices = self._slices(window.y0, window.y1)
        first, stop = window.x0, window.x1
        if self.axis == "y":
            return Box(slices, Window(frame, first, frame + 1, stop))
        return Box(slices, Window(first, frame, stop, frame + 1))

    def _slices(self, first: int, stop: int) -> range:
        return range(first // self.factor, -(-(stop - 1) // self.factor) + 1)

    def grown(self, box: Box) -> Box:
        """Return a box with one more slice at both ends, where the volume has one."""
        depth = (len(self.planes) - 1) // self.factor + 1
        slices = range(max(box.slices.start - 1, 0), min(box.slices.stop + 1, depth))
        return Box(slices, box.window)

    def logits(self, object_id: int, box: Box) -> NDArray[np.float32]:
        """Return an object's logits (Z, Y, X) in a part of the volume, see :meth:`add_to`."""
        total = np.zeros((len(box.slices), *box.window.shape), np.float32)
        self.add_to(total, object_id, box)
        return total

    def add_to(
        self, total: NDArray[np.float32], object_id: int, box: Box, gain: float = 1.0
    ) -> None:
        """Add an object's logits to those of a part of the volume.

        Inside its crops they are multiplied by ``gain`` and then bounded by ``MAX_LOGIT``; outside
        they are ``-MAX_LOGIT``.

        Parameters
        ----------
        total : NDArray[np.float32]
            (Z, Y, X) of the box, changed in place.
        object_id : int
            The object.
        box : Box
            The part of the volume.
        gain : float
            Factor of the logits.
        """
        total -= MAX_LOGIT
        window, slices = box.window, np.array(box.slices) * self.factor
        if self.axis == "z":
            rows = np.arange(window.y0, window.y1)
            for number, frame in enumerate(slices):
                _add(total[number], self.crop(object_id, int(frame)), rows, window.x0, gain)
        elif self.axis == "y":
            for row in range(window.y0, window.y1):
                plane = total[:, row - window.y0]
                _add(plane, self.crop(object_id, row), slices, window.x0, gain)
        else:
            for column in range(window.x0, window.x1):
                plane = total[:, :, column - window.x0]
                _add(plane, self.crop(object_id, column), slices, window.y0, gain)


def _add(
    plane: NDArray[np.float32],
    crop: MaskCrop,
    rows: NDArray[np.intp],
    column: int,
    gain: float,
) -> None:
    """Add a crop to an array whose rows and first column lie at these positions of its plane."""
    window = crop.window
    inside = (rows >= window.y0) & (rows < window.y1)
    first, stop = max(column, window.x0), min(column + plane.shape[1], window.x1)
    if first < stop:
        part = crop.logits[rows[inside] - window.y0, first - window.x0 : stop - window.x0]
        added = np.clip(gain * part, -MAX_LOGIT, MAX_LOGIT) + MAX_LOGIT
        plane[inside, first - column : stop - column] += added
