"""Redetection of objects that leave their view, in a centered or a wider one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.tracking.memory_transfer import MemoryTransfer
from napari_sam2.tracking.track import Track
from napari_sam2.tracking.track_update import TrackUpdate, TrackUpdater

MIN_PREDICTED_IOU = 0.5
"""Lowest predicted IoU of a mask found in a wider view."""
MAX_AREA_RATIO = 3.0
"""Largest ratio of its area to the object's usual area, and of the usual area to its area."""
MAX_OVERLAP = 0.5
"""Largest share of it that may belong to another object."""

_OBJECTS_PER_ENCODING = 8
_MIN_ENCODINGS = 5
_FREE_ENCODINGS = 20


class EncodingBudget:
    """Number of views that redetection may still encode on one frame.

    The budget is one encoding for every eight objects; at least five, which is one object's
    search: a wider view, in which the anchor and the last mask are added as memory again, and a
    closer view with the anchor; and at least what the objects' own views leave of twenty
    encodings. Cached embeddings count too, so that masks do not depend on a cache.

    Parameters
    ----------
    n_objects : int
        Number of objects tracked on the frame.
    """

    def __init__(self, n_objects: int) -> None:
        left = _FREE_ENCODINGS - n_objects
        self.left = max(_MIN_ENCODINGS, left, n_objects // _OBJECTS_PER_ENCODING)

    def spend(self, encodings: int) -> bool:
        """Subtract encodings and return True; return False if fewer are left."""
        if encodings > self.left:
            return False
        self.left -= encodings
        return True


@dataclass(frozen=True)
class Redetector:
    """Tracks an object again in another view where its own view lost it or cut it off.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    updater : TrackUpdater
        Advances tracks by one frame.
    placement : ViewPlacement
        Sizes and positions of views.
    memory_transfer : MemoryTransfer
        Moves memory to other views.
    reverse : bool
        Whether the sweep runs backward.
    """

    encoder: ViewEncoder
    updater: TrackUpdater
    placement: ViewPlacement
    memory_transfer: MemoryTransfer
    reverse: bool

    def redetect(
        self,
        frame: int,
        index: PlaneIndex,
        before: Track,
        update: TrackUpdate,
        masks: Mapping[int, MaskCrop],
        budget: EncodingBudget,
    ) -> TrackUpdate:
        """Return the update of a frame, from another view where that is better.

        A mask cut off by its view is predicted again in a centered one. A lost object is searched
        in a view of twice the side: at once, then after 1, 3, 7, ... frames without it.

        Parameters
        ----------
        frame, index : int, tuple of int
            Position along the propagated axis, and the full index of the plane.
        before : Track
            The track before the frame.
        update : TrackUpdate
            The update in the track's own view.
        masks : Mapping[int, MaskCrop]
            All objects' masks on the frame so far.
        budget : EncodingBudget
            Encodings left on this frame.
        """
        view, box = update.track.view, update.crop.box
        if not view.zoomed:
            return update
        if box is None:
            absent = before.presence.gone
            due = absent & (absent + 1) == 0
            return self._search(frame, index, before, update, masks, budget) if due else update
        if not self._cut_off(view, box):
            return update
        centered = self.placement.place(box, view.side)
        if centered == view:
            return update
        again = self._track(frame, index, before, centered, budget)
        return update if again is None or again.crop.box is None else again

    def _search(
        self,
        frame: int,
        index: PlaneIndex,
        before: Track,
        update: TrackUpdate,
        masks: Mapping[int, MaskCrop],
        budget: EncodingBudget,
    ) -> TrackUpdate:
        wide = self._track(frame, index, before, self.placement.wider(before.view), budget)
        box = None if wide is None else wide.crop.box
        if wide is None or box is None or not _credible(before, wide, masks):
            return update
        side = self.placement.later_side(before.view.side, box)
        if side is None:
            return wide
        view = self.placement.place(box, side)
        close = self._track(frame, index, before, view, budget)
        return wide if close is None or close.crop.box is None else close

    def _track(
        self, frame: int, index: PlaneIndex, before: Track, view: View, budget: EncodingBudget
    ) -> TrackUpdate | None:
        """Return the update in a view, or None if the budget does not suffice."""
        if not budget.spend(1 + self.memory_transfer.cost(before, view)):
            return None
        track = self.memory_transfer.to_view(before, view)
        embedding = self.encoder.encode(index, view)
        (tracking,) = self.encoder.predictor.track(
            embedding, frame, [track.state], reverse=self.reverse, zoomed=view.zoomed
        )
        return self.updater.update(frame, index, view, track, tracking)

    def _cut_off(self, view: View, box: Window) -> bool:
        """Return whether a mask touches an edge of its view that is not an edge of the plane."""
        height, width = self.encoder.shape
        inside = view.window.clip((height, width))
        return (
            (box.y0 <= inside.y0 > 0)
            or (box.x0 <= inside.x0 > 0)
            or (box.y1 >= inside.y1 < height)
            or (box.x1 >= inside.x1 < width)
        )


def _credible(before: Track, found: TrackUpdate, masks: Mapping[int, MaskCrop]) -> bool:
    crop = found.crop
    ratio = crop.area / max(before.presence.usual_area, 1.0)
    others = (other for object_id, other in masks.items() if object_id != before.object_id)
    return (
        found.tracking.predicted_iou >= MIN_PREDICTED_IOU
        and 1 / MAX_AREA_RATIO <= ratio <= MAX_AREA_RATIO
        and max(map(crop.overlap, others), default=0.0) <= MAX_OVERLAP
    )
