"""Masks of single objects: a crop of logits, and the result of one object on one frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex, Window

MAX_LOGIT = 16.0
"""Bound of mask logits where masks are combined, so that one confident mask cannot dominate."""
RIM = 4
"""Background pixels kept around a mask, so that boundaries can be blended and compared."""


class MaskOrigin(Enum):
    """How a mask was made: from prompts on its own frame, or by a sweep along the frames."""

    PROMPT = "prompt"
    FORWARD = "forward"
    BACKWARD = "backward"
    BLEND = "blend"


class MaskStatus(IntEnum):
    """Protection of a stored mask; a mask is never replaced by one of a lower status."""

    DRAFT = 0
    FINAL = 1
    ACCEPTED = 2
    LOCKED = 3


def positive_bounds(logits: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    """Return the half-open bounds (y0, x0, y1, x1) of the positive pixels; None without any."""
    inside = logits > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if rows.size == 0:
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@dataclass(frozen=True, eq=False)
class MaskCrop:
    """Logits of one object on a part of the plane; every other pixel is background.

    Do not change ``logits`` in place: :attr:`box` and :attr:`area` are computed once.

    Parameters
    ----------
    window : Window
        Position of the crop, in pixels of the full-resolution plane; always inside the plane.
    logits : NDArray[np.float32]
        (h, w) of the window, positive inside the object. May be 0 x 0.
    """

    window: Window
    logits: NDArray[np.float32]

    @cached_property
    def box(self) -> Window | None:
        """Bounds of the positive pixels on the plane, or None if there are none."""
        bounds = positive_bounds(self.logits)
        if bounds is None:
            return None
        (top, left, bottom, right), y, x = bounds, self.window.y0, self.window.x0
        return Window(y + top, x + left, y + bottom, x + right)

    @cached_property
    def area(self) -> int:
        """Number of positive pixels."""
        return int(np.count_nonzero(self.logits > 0))

    @classmethod
    def from_mask(
        cls, mask: NDArray[np.bool_], offset: tuple[int, int], logit: float = MAX_LOGIT
    ) -> MaskCrop:
        """Return the crop of a binary mask.

        Parameters
        ----------
        mask : NDArray[np.bool_]
            (h, w), true inside the object.
        offset : tuple of int
            Row and column of the mask's first pixel on the plane.
        logit : float
            Logit of the pixels inside; pixels outside get its negative.
        """
        logits = np.where(mask, np.float32(logit), np.float32(-logit))
        return cls(Window.of((mask.shape[0], mask.shape[1])).shift(*offset), logits)

    @classmethod
    def empty(cls) -> MaskCrop:
        """Return a crop without pixels."""
        return cls(Window(0, 0, 0, 0), np.zeros((0, 0), dtype=np.float32))

    def part(self, window: Window) -> NDArray[np.float32]:
        """Return the logits (h, w) of a window that lies inside this crop, as a view."""
        return self.logits[window.relative_to(self.window).slices]

    def shared_pixels(self, other: MaskCrop) -> int:
        """Return the number of pixels that are positive in both crops."""
        common = self.window.intersect(other.window)
        if common.empty:
            return 0
        return int(np.count_nonzero((self.part(common) > 0) & (other.part(common) > 0)))

    def iou(self, other: MaskCrop) -> float:
        """Return intersection over union of the positive pixels, in 0..1; 0 if both are empty."""
        shared = self.shared_pixels(other)
        union = self.area + other.area - shared
        return shared / union if union else 0.0

    def overlap(self, other: MaskCrop) -> float:
        """Return the share, in 0..1, of this crop's positive pixels that are positive in both."""
        return self.shared_pixels(other) / self.area if self.area else 0.0

    def union(self, other: MaskCrop) -> MaskCrop:
        """Return the smallest crop with both, where each pixel has the higher logit."""
        if self.window.empty or other.window.empty:
            return other if self.window.empty else self
        window = self.window.union(other.window)
        logits = np.full(window.shape, -MAX_LOGIT, np.float32)
        for crop in (self, other):
            part = logits[crop.window.relative_to(window).slices]
            np.maximum(part, crop.logits, out=part)
        return MaskCrop(window, logits)

    def within(self, other: MaskCrop) -> MaskCrop:
        """Return the pixels that are positive in both crops, with the lower of both logits."""
        common = self.window.intersect(other.window)
        if common.empty:
            return MaskCrop.empty()
        lower = MaskCrop(common, np.minimum(self.part(common), other.part(common)))
        return lower if lower.area else MaskCrop.empty()

    def without(self, others: Iterable[MaskCrop]) -> MaskCrop:
        """Return this crop with the positive pixels of ``others`` set to certain background.

        The same object is returned if none of its positive pixels is positive in another crop.
        """
        kept = np.ones(self.logits.shape, bool)
        for other in others:
            common = self.window.intersect(other.window)
            if not common.empty:
                kept[common.relative_to(self.window).slices] &= ~(other.part(common) > 0)
        if not np.any((self.logits > 0) & ~kept):
            return self
        background = np.minimum(self.logits, np.float32(-MAX_LOGIT))
        return MaskCrop(self.window, np.where(kept, self.logits, background))


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """The mask of one object on one frame, with its scores.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    frame : int
        Position along the propagated axis.
    index : tuple of int
        The plane's full index in the stack.
    crop : MaskCrop
        The mask at full resolution.
    predicted_iou : float
        The model's estimate of the mask's IoU, in 0..1.
    object_score : float
        Logit of the object being visible; at most 0 means absent, and the crop then has no
        positive pixel.
    origin : MaskOrigin
        How the mask was made.
    final : bool
        False for a draft of the forward sweep, which the backward sweep of the same run replaces.
    view : Window or None
        The window of the plane that the model was shown; None for the whole plane.
    refined : bool
        Whether the mask was refined in a closer view.
    ended : bool
        True where the object's track had ended, so the model was not run.
    lost : NDArray[np.bool_] or None
        (h, w) of the crop, true where a positive pixel belongs to another object; None where the
        object has all its pixels.
    excluded : MaskOrigin or None
        The sweep in which the object lost so many pixels to other objects that it has none here;
        None if it did not. The crop and the scores stay those of the model.
    """

    object_id: int
    frame: int
    index: PlaneIndex
    crop: MaskCrop
    predicted_iou: float
    object_score: float
    origin: MaskOrigin
    final: bool = True
    view: Window | None = None
    refined: bool = False
    ended: bool = False
    lost: NDArray[np.bool_] | None = None
    excluded: MaskOrigin | None = None

    @classmethod
    def from_user(
        cls, object_id: int, frame: int, index: PlaneIndex, crop: MaskCrop
    ) -> FrameResult:
        """Return the result for a mask that the user drew, which is kept exactly."""
        score = 10.0 if crop.area else -10.0
        return cls(object_id, frame, index, crop, 1.0, score, MaskOrigin.PROMPT)

    @classmethod
    def after_end(
        cls, object_id: int, frame: int, index: PlaneIndex, origin: MaskOrigin
    ) -> FrameResult:
        """Return the empty result of a frame after the end of the object's track."""
        crop = MaskCrop.empty()
        return cls(object_id, frame, index, crop, 0.0, -MAX_LOGIT, origin, ended=True)

    @property
    def area(self) -> int:
        """Number of pixels of the mask that belong to the object."""
        if self.excluded is not None:
            return 0
        return self.crop.area - (0 if self.lost is None else int(np.count_nonzero(self.lost)))

    @property
    def own_crop(self) -> MaskCrop:
        """The mask with the pixels of other objects as certain background."""
        lost = self.lost if self.excluded is None else self.crop.logits > 0
        if lost is None:
            return self.crop
        background = np.minimum(self.crop.logits, np.float32(-MAX_LOGIT))
        return MaskCrop(self.crop.window, np.where(lost, background, self.crop.logits))

    @property
    def visible(self) -> bool:
        """Whether the model found the object and other objects left it its pixels."""
        return self.object_score > 0 and self.excluded is None


_REFINED = " refined"
_ENDED = "stopped"
_EXCLUDED = " excluded"
_WHOLE = "full"


def format_view(
    view: Window | None, *, refined: bool = False, ended: bool = False, excluded: bool = False
) -> str:
    """Return the text that score tables and stores hold for the view of a mask.

    Returns
    -------
    str
        ``"full"`` for the whole plane, ``"zoom y0:y1,x0:x1"`` for a window, either with
        ``" refined"`` appended after a refinement and ``" excluded"`` where other objects have
        the object's pixels; ``"stopped"`` after the end of a track.
    """
    if ended:
        return _ENDED
    shown = _WHOLE if view is None else f"zoom {view.y0}:{view.y1},{view.x0}:{view.x1}"
    return shown + (_REFINED if refined else "") + (_EXCLUDED if excluded else "")


def parse_view(text: str) -> tuple[Window | None, bool, bool]:
    """Return (view, refined, ended) from the text that :func:`format_view` wrote."""
    refined = text.endswith(_REFINED)
    shown = text.removesuffix(_REFINED)
    if not shown.startswith("zoom "):
        return None, refined, shown == _ENDED
    rows, columns = (part.split(":") for part in shown.removeprefix("zoom ").split(","))
    return Window(int(rows[0]), int(columns[0]), int(rows[1]), int(columns[1])), refined, False
