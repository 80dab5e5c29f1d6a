"""How tracks begin and end: at the border of the image, at another object, or inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil

from napari_sam2.core.geometry import Window
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.masks.store import MaskStore

_MIN_OVERLAP = 0.3
"""Smallest part of a first mask on another object of the frame before, as for divisions."""
_MIN_REACH = 2


class TrackEnd(Enum):
    """Where an object is on its first or last frame."""

    OUTSIDE_RUN = "outside of the run"
    """The frame is the first or last one of the run, so nothing is known about it."""
    BORDER = "at the border"
    """It enters or leaves the image."""
    OBJECT = "at another object"
    """It begins where another object was on the frame before, e.g. after a division."""
    INSIDE = "inside"
    """It appears, or it is lost."""


@dataclass(frozen=True, slots=True)
class TrackExtent:
    """First and last frame of an object with a mask, and how its track begins and ends.

    Parameters
    ----------
    object_id : int
        The label value.
    first, last : int
        Frames.
    begin, end : TrackEnd
        How the track begins and ends; ``end`` is never ``OBJECT``.
    """

    object_id: int
    first: int
    last: int
    begin: TrackEnd
    end: TrackEnd


def track_extents(
    masks: MaskStore, geometry: LabelGeometry, frames: tuple[int, int]
) -> tuple[TrackExtent, ...]:
    """Return the extents of all objects with a mask, by id.

    An object is at the border if its box reaches it within the distance that it moves from this
    frame to the next one of its track, at least 2 pixels. Only the masks of the first and last
    two frames of each object are decoded.

    Parameters
    ----------
    masks : MaskStore
        The masks.
    geometry : LabelGeometry
        The stack; masks on planes of other stacks are ignored.
    frames : (int, int)
        Half-open range of the run.
    """
    planes = {geometry.index(frame): frame for frame in range(*frames)}
    found: dict[int, list[int]] = {}
    for info in masks.infos():
        if info.area and info.excluded is None and info.index in planes:
            found.setdefault(info.object_id, []).append(planes[info.index])
    ends = _Ends(masks, geometry)
    return tuple(
        TrackExtent(
            object_id,
            visible[0],
            visible[-1],
            TrackEnd.OUTSIDE_RUN if visible[0] == frames[0] else ends.begin(object_id, visible),
            TrackEnd.OUTSIDE_RUN if visible[-1] == frames[1] - 1 else ends.end(object_id, visible),
        )
        for object_id, visible in sorted((o, sorted(where)) for o, where in found.items())
    )


def extent_message(extents: Sequence[TrackExtent]) -> str:
    """Return how many tracks begin and end in each way, as a sentence."""
    begins = Counter(extent.begin for extent in extents)
    ends = Counter(extent.end for extent in extents)
    return (
        f"Of {len(extents)} objects {begins[TrackEnd.BORDER]} entered at the border, "
        f"{begins[TrackEnd.OBJECT]} began at another object, {begins[TrackEnd.INSIDE]} appeared "
        f"inside; {ends[TrackEnd.BORDER]} left at the border, {ends[TrackEnd.INSIDE]} were lost "
        "inside."
    )


@dataclass(frozen=True)
class _Ends:
    masks: MaskStore
    geometry: LabelGeometry

    def begin(self, object_id: int, visible: Sequence[int]) -> TrackEnd:
        if self._at_border(object_id, visible[0], visible[:2][-1]):
            return TrackEnd.BORDER
        crop = self._crop(object_id, visible[0])
        before = self.masks.at(self.geometry.index(visible[0] - 1))
        others = [r.own_crop for r in before if r.area and r.excluded is None]
        if any(crop.overlap(other) >= _MIN_OVERLAP for other in others):
            return TrackEnd.OBJECT
        return TrackEnd.INSIDE

    def end(self, object_id: int, visible: Sequence[int]) -> TrackEnd:
        at_border = self._at_border(object_id, visible[-1], visible[-2:][0])
        return TrackEnd.BORDER if at_border else TrackEnd.INSIDE

    def _at_border(self, object_id: int, frame: int, neighbor: int) -> bool:
        """Return whether an object may cross the border beyond a frame of its track."""
        here, there = (self._crop(object_id, at).box for at in (frame, neighbor))
        if here is None or there is None:
            return False
        reach = max(_MIN_REACH, ceil(_distance(here, there) / max(abs(frame - neighbor), 1)))
        height, width = self.geometry.shape
        inner = Window(reach, reach, height - reach, width - reach)
        return not inner.contains(here)

    def _crop(self, object_id: int, frame: int) -> MaskCrop:
        record = self.masks.get(object_id, self.geometry.index(frame))
        return MaskCrop.empty() if record is None else record.own_crop


def _distance(first: Window, second: Window) -> float:
    """Return the largest distance between equal sides of two boxes."""
    sides = zip(
        (first.y0, first.x0, first.y1, first.x1),
        (second.y0, second.x0, second.y1, second.x1),
        strict=True,
    )
    return float(max(abs(a - b) for a, b in sides))
