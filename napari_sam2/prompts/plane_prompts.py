"""What is asked about one object on one frame, in pixels of the whole plane."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window

RIM = 4
"""Pixels kept around a mask, so that boundaries can be blended and compared."""


@dataclass(frozen=True, slots=True)
class MaskCrop:
    """Logits on a part of the plane; the rest is background.

    Parameters
    ----------
    window : Window
        Where they lie; always inside the plane.
    logits : NDArray[np.float32]
        (h, w), positive inside the object.
    """

    window: Window
    logits: NDArray[np.float32]

    @property
    def box(self) -> Window | None:
        """Bounds of the positive pixels, or None where there are none."""
        inside = self.logits > 0
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if rows.size == 0:
            return None
        y, x = self.window.offset
        top, left = int(rows[0]), int(columns[0])
        bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
        return Window(y + top, x + left, y + bottom, x + right)

    @property
    def area(self) -> int:
        """Number of positive pixels."""
        return int(np.count_nonzero(self.logits > 0))

    @classmethod
    def of_mask(cls, mask: NDArray[np.bool_], offset: tuple[int, int], logit: float) -> MaskCrop:
        """Return a mask crop at ``offset`` as logits of plus and minus ``logit``."""
        logits = np.where(mask, np.float32(logit), np.float32(-logit))
        return cls(Window.of((mask.shape[0], mask.shape[1])).shift(*offset), logits)

    @classmethod
    def empty(cls) -> MaskCrop:
        """Return a patch without pixels."""
        return cls(Window(0, 0, 0, 0), np.zeros((0, 0), dtype=np.float32))


def _no_points() -> NDArray[np.float64]:
    return np.zeros((0, 2), dtype=np.float64)


def _no_labels() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class PlanePrompts:
    """All prompts of one object on one frame.

    Parameters
    ----------
    points : NDArray[np.float64]
        (N, 2) as (y, x); integers are pixel centres of the plane.
    labels : NDArray[np.int64]
        (N,), 1 inside, 0 outside the object.
    box : NDArray[np.float64] or None
        (2, 2) half-open pixel bounds [[y0, x0], [y1, x1]].
    mask : MaskCrop or None
        The object's mask; it is taken as it stands, points and box are then not asked.
    previous : MaskCrop or None
        The object's earlier mask on this frame, which the points correct.
    """

    points: NDArray[np.float64] = field(default_factory=_no_points)
    labels: NDArray[np.int64] = field(default_factory=_no_labels)
    box: NDArray[np.float64] | None = None
    mask: MaskCrop | None = None
    previous: MaskCrop | None = None

    @property
    def given(self) -> bool:
        """Whether a mask, or an earlier mask that is to be corrected, shows the object."""
        return self.mask is not None or self.previous is not None

    @property
    def inside(self) -> NDArray[np.float64]:
        """(N, 2) the points that lie inside the object."""
        return self.points[self.labels == 1]

    @property
    def box_window(self) -> Window | None:
        """The box as the smallest window of whole pixels around it."""
        if self.box is None:
            return None
        (y0, x0), (y1, x1) = np.floor(self.box[0]), np.ceil(self.box[1])
        return Window(int(y0), int(x0), int(y1), int(x1))

    @property
    def hint(self) -> Window | None:
        """Where the object is as far as the prompts tell: mask, box or earlier mask."""
        if self.mask is not None:
            return self.mask.box
        if self.box is not None:
            return self.box_window
        before = None if self.previous is None else self.previous.box
        if before is None or not self.drifted:
            return before
        height, width = before.shape
        y0, x0 = self.centre.y0 - height // 2, self.centre.x0 - width // 2
        return Window(y0, x0, y0 + height, x0 + width).union(self.centre)

    @property
    def drifted(self) -> bool:
        """Whether a click says that the object is elsewhere than its earlier mask."""
        before = None if self.previous is None else self.previous.box
        if before is None or not np.any(self.labels == 1):
            return False
        return not before.grow(max(before.shape) // 2).contains(self.centre)

    @property
    def centre(self) -> Window:
        """The smallest window around the points that lie inside the object."""
        inside = self.inside if len(self.inside) else self.points
        (y0, x0), (y1, x1) = np.floor(inside.min(axis=0)), np.floor(inside.max(axis=0)) + 1
        return Window(int(y0), int(x0), int(y1), int(x1))


@dataclass(frozen=True, slots=True)
class RunPrompts:
    """All that is asked in one run.

    Parameters
    ----------
    asked : Mapping
        The question of each (object id, frame).
    """

    asked: Mapping[tuple[int, int], PlanePrompts]

    def __call__(self, object_id: int, frame: int) -> PlanePrompts:
        """Return the question of an object on a frame."""
        return self.asked[object_id, frame]

    def digest(self, context: str) -> str:
        """Return a hash of the questions and of ``context``, which tells one run from another."""
        digest = hashlib.sha256(context.encode())
        for (object_id, frame), question in sorted(self.asked.items(), key=lambda item: item[0]):
            digest.update(f"|{object_id} {frame}|".encode())
            digest.update(question.points.tobytes() + question.labels.tobytes())
            digest.update(b"" if question.box is None else question.box.tobytes())
            for patch in (question.mask, question.previous):
                if patch is not None:
                    digest.update(str(patch.window).encode() + patch.logits.tobytes())
        return digest.hexdigest()
