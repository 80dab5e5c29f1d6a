"""What propagation gives back, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex, Window

MAX_LOGIT = 16.0
"""Bound of mask logits where masks are combined, so that one confident mask cannot dominate."""


class MaskOrigin(Enum):
    """Which way a mask came along the propagated axis."""

    PROMPT = "prompt"
    FORWARD = "forward"
    BACKWARD = "backward"
    BLEND = "blend"


class MaskStatus(IntEnum):
    """How firmly a mask stands; a higher status is never overwritten by a lower one."""

    DRAFT = 0
    FINAL = 1
    ACCEPTED = 2
    LOCKED = 3


@dataclass(frozen=True, slots=True)
class FrameResult:
    """One object's mask on one frame.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    frame : int
        Position along the propagated axis.
    index : tuple of int
        The plane's full index in the stack.
    window : Window
        Where ``logits`` lie on the full-resolution plane (clipped to it). Pixels of the plane
        outside are background.
    logits : NDArray[np.float32]
        Mask logits (h, w) at full resolution, positive inside the object. Perhaps 0 x 0.
    predicted_iou : float
        The model's own estimate in 0..1.
    object_score : float
        Logit of the object being visible; at most 0 means absent (then ``logits`` hold no
        positive pixel).
    direction : MaskOrigin
        Which pass made it.
    final : bool
        False for a draft that a later pass of the same run will replace.
    view : str
        Which window of the plane the model saw, e.g. ``"full"`` or ``"zoom 10:138,40:168"``.
    """

    object_id: int
    frame: int
    index: PlaneIndex
    window: Window
    logits: NDArray[np.float32]
    predicted_iou: float
    object_score: float
    direction: MaskOrigin
    final: bool = True
    view: str = "full"

    @property
    def area(self) -> int:
        """Number of pixels inside the mask."""
        return int(np.count_nonzero(self.logits > 0))
