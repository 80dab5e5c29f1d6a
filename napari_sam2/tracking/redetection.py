"""Notice an object that leaves its window, and look for it in a wider one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_sam2.core.geometry import Window
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackingResult
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.prompts.plane_prompts import MaskCrop
from napari_sam2.tracking.memory_transfer import MemoryTransfer
from napari_sam2.tracking.track import Track
from napari_sam2.tracking.track_update import Outcome, TrackUpdater

SURE = 0.5
"""Predicted IoU that a mask found in a wider window must have."""
ALIKE = 3.0
"""Factor by which its area may differ from the usual one."""
TAKEN = 0.5
"""Share of it that may belong to another object."""


@dataclass(frozen=True)
class Redetector:
    """Looks a second time where the first look lost the object or cut it.

    Parameters
    ----------
    encoder : ViewEncoder
        The model's eyes.
    updater : TrackUpdater
        Judges what it answers.
    placement : ViewPlacement
        Where windows may lie.
    memory_transfer : MemoryTransfer
        Brings memories into other windows.
    reverse : bool
        Whether the sweep runs backward.
    budget : EncodingBudget
        What the frame's second looks may cost.
    """

    encoder: ViewEncoder
    updater: TrackUpdater
    placement: ViewPlacement
    memory_transfer: MemoryTransfer
    reverse: bool
    budget: EncodingBudget

    def redetect(
        self,
        frame: int,
        before: Track,
        track: Track,
        patch: MaskCrop,
        step: TrackingResult,
        others: Mapping[int, MaskCrop],
    ) -> Outcome:
        """Return the outcome of a frame, from a second look where that is better.

        Parameters
        ----------
        frame : int
            The frame.
        before : Track
            As it stood on the frame before.
        track, patch, step : Track, Patch, Step
            The outcome of the first look.
        others : Mapping[int, MaskCrop]
            All objects' masks on the frame so far.
        """
        first = track, patch, step
        if not track.view.zoomed:
            return first
        box = patch.box
        if box is not None:
            cut = self._cut(track.view, box)
            centred = self.placement.place(box, track.view.side)
            if not cut or centred == track.view:
                return first
            again = self._try(frame, before, centred)
            return first if again is None or again[1].box is None else again
        return self._search(frame, before, first, others) if self._worth(before) else first

    def _search(
        self, frame: int, before: Track, first: Outcome, others: Mapping[int, MaskCrop]
    ) -> Outcome:
        seen = self._try(frame, before, self.placement.wider(before.view))
        box = None if seen is None else seen[1].box
        if seen is None or box is None or not self._credible(before, seen, others):
            return first
        side = self.placement.later_side(before.view.side, box)
        if side is None:
            return seen
        near = self._try(frame, before, self.placement.place(box, side))
        return seen if near is None or near[1].box is None else near

    def _try(self, frame: int, before: Track, view: View) -> Outcome | None:
        """Return what a window shows, or None where that would cost too much."""
        if not self.budget.take(1 + self.memory_transfer.encodings(before, view)):
            return None
        track = self.memory_transfer.to_view(before, view)
        encoding = self.encoder.encode(self.encoder.stack.index(frame), view)
        (step,) = self.encoder.predictor.track(
            encoding, frame, [track.state], reverse=self.reverse, zoomed=view.zoomed
        )
        return self.updater.update(frame, view, track, step)

    def _cut(self, view: View, box: Window) -> bool:
        """Whether the mask reaches an edge of the window that is not an edge of the plane."""
        inside = view.window.clip(self.encoder.stack.shape)
        height, width = self.encoder.stack.shape
        return (
            (box.y0 <= inside.y0 > 0)
            or (box.x0 <= inside.x0 > 0)
            or (box.y1 >= inside.y1 < height)
            or (box.x1 >= inside.x1 < width)
        )

    def _worth(self, before: Track) -> bool:
        """Whether to search now: at once, then after 1, 3, 7, ... frames without it."""
        gone = before.presence.gone
        return gone & (gone + 1) == 0

    def _credible(self, before: Track, seen: Outcome, others: Mapping[int, MaskCrop]) -> bool:
        _, patch, step = seen
        ratio = patch.area / max(before.presence.usual_area, 1.0)
        taken = max(
            (_overlap(patch, other) for o, other in others.items() if o != before.object_id),
            default=0.0,
        )
        return step.predicted_iou >= SURE and 1 / ALIKE <= ratio <= ALIKE and taken <= TAKEN


def _overlap(patch: MaskCrop, other: MaskCrop) -> float:
    """Return the share of ``patch``'s pixels that ``other`` has too."""
    common = patch.window.intersect(other.window)
    if common.empty:
        return 0.0
    mine = patch.logits[common.relative_to(patch.window).slices] > 0
    theirs = other.logits[common.relative_to(other.window).slices] > 0
    return float(np.count_nonzero(mine & theirs)) / patch.area


_OBJECTS = 8
_LEAST = 5
_ANYWAY = 20


class EncodingBudget:
    """Encodings that the second looks of one frame may still take: one for every eight objects.

    It is five at least, one object's search: a wider window, in which the prompted and the last
    mask are remembered again, and a near one, in which the prompted mask is; and what few objects,
    each in a window of its own, leave of twenty encodings. Features that happen to be kept count,
    too, so that masks depend on no cache.

    Parameters
    ----------
    objects : int
        Objects followed on the frame.
    """

    def __init__(self, objects: int) -> None:
        self.left = max(_LEAST, _ANYWAY - objects, objects // _OBJECTS)

    def take(self, encodings: int) -> bool:
        """Spend some encodings; return False, and spend nothing, if there are fewer left."""
        if encodings > self.left:
            return False
        self.left -= encodings
        return True
