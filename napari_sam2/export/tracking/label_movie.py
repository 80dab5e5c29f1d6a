"""Labels of a time series, read frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.calibration import Calibration
from napari_sam2.masks.label_values import whole_labels

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack


@dataclass(frozen=True)
class LabelMovie:
    """Labels whose values are object ids, over time.

    Parameters
    ----------
    stack : Stack
        Axes, lengths and pixel sizes; along t.
    read : callable
        Returns the labels (H, W) of a plane, given by its full index.

    Raises
    ------
    UserError
        If there is no time axis.
    """

    stack: Stack
    read: Callable[[PlaneIndex], NDArray[Any]]

    def __post_init__(self) -> None:
        if self.stack.along != "t" or "T" not in self.stack.layout.index_axes:
            raise UserError(
                f"{self.stack.name} is not a time series, so its objects are not tracks. Give "
                "labels with a time axis, or name the axes: TYX or TZYX."
            )

    @classmethod
    def of_labels(cls, labels: Stack) -> LabelMovie:
        """Return the movie of a label image.

        Raises
        ------
        UserError
            If it has no time axis or has channels; when it is read, if it holds other values
            than labels.
        """
        if labels.n_channels > 1:
            raise UserError(
                f"{labels.name} has {labels.n_channels} channels, labels have none. "
                "Give a label image."
            )
        return cls(labels, lambda index: whole_labels(labels.read(index).reshape(labels.shape)))

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.stack.n_frames

    @property
    def space(self) -> str:
        """Spatial axes: ZYX or YX."""
        return self.stack.label_axes.replace("T", "")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a frame in pixels, in the order of :attr:`space`."""
        depth = self.stack.layout.index_lengths[1:]
        return (*depth, *self.stack.shape)

    @property
    def calibration(self) -> Calibration:
        """Pixel sizes and time interval."""
        return self.stack.calibration

    def frame(self, time: int) -> NDArray[Any]:
        """Return the labels of a frame, of :attr:`shape`."""
        depths = [(z,) for z in range(self.shape[0])] if "Z" in self.space else [()]
        planes = [self.read((time, *depth)) for depth in depths]
        return np.stack(planes).reshape(self.shape)
