"""Start of tracks: an object's conditioning frames are all predicted before it is tracked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.view import View
from napari_sam2.inference.initial_view import InitialViewSelector
from napari_sam2.inference.protocol import TrackingResult, TrackState
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, share_views
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin
from napari_sam2.prompts.plane_prompts import PlanePrompts
from napari_sam2.tracking.track import ConditioningResult, Track

T = TypeVar("T")


@dataclass(frozen=True)
class TrackInitializer:
    """Predicts the masks of conditioning frames and starts tracks from them.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    resolve : Callable
        Returns the prompts of (object id, frame).
    group_size : int
        Number of objects in one call of the model.
    """

    encoder: ViewEncoder
    placement: ViewPlacement
    resolve: Callable[[int, int], PlanePrompts]
    group_size: int

    def start(self, first: int, conditioning: Mapping[int, Sequence[int]]) -> dict[int, Track]:
        """Return a track for each object, starting on frame ``first``.

        Parameters
        ----------
        first : int
            The conditioning frame that the sweep has reached.
        conditioning : Mapping[int, Sequence[int]]
            All conditioning frames of each object; ``first`` is among them.
        """
        states: dict[int, TrackState] = {}
        results: dict[int, list[ConditioningResult]] = {o: [] for o in conditioning}
        sides: dict[int, int | None] = {}
        for frame in sorted({frame for frames in conditioning.values() for frame in frames}):
            here = [object_id for object_id, frames in conditioning.items() if frame in frames]
            for item, state in self._predict(frame, here, states, sides):
                results[item.result.object_id].append(item)
                states[item.result.object_id] = state
        return {o: Track.start(o, first, states[o], tuple(results[o])) for o in conditioning}

    def _predict(
        self,
        frame: int,
        objects: Sequence[int],
        states: Mapping[int, TrackState],
        sides: dict[int, int | None],
    ) -> Iterable[tuple[ConditioningResult, TrackState]]:
        encoder = self.encoder
        index = encoder.reader.index(frame)
        prompts = {object_id: self.resolve(object_id, frame) for object_id in objects}
        views = self._views(index, prompts, sides)
        members: dict[View, list[int]] = {}
        for object_id in objects:
            members.setdefault(views[object_id], []).append(object_id)
        for view in sorted(members):
            embedding = encoder.encode(index, view)
            for group in batches(members[view], self.group_size):
                shown = [encoder.prompts_to_view(view, prompts[o]) for o in group]
                before = [states.get(object_id) for object_id in group]
                found = encoder.predictor.add_prompts(embedding, frame, shown, before)
                for object_id, tracking in zip(group, found, strict=True):
                    crop = self._crop(view, prompts[object_id], tracking)
                    result = prompted_result(object_id, frame, index, view, crop, tracking)
                    yield ConditioningResult(result, view), tracking.state

    def _views(
        self, index: PlaneIndex, prompts: Mapping[int, PlanePrompts], sides: dict[int, int | None]
    ) -> dict[int, View]:
        selector = InitialViewSelector(self.encoder, self.placement)
        sizes = selector.estimate_sizes(index, prompts)
        for object_id in prompts:
            side, size = sides.get(object_id), sizes[object_id]
            sides[object_id] = (
                self.placement.first_side(size.box)
                if side is None
                else self.placement.later_side(side, size.box)
            )
        requests = [
            selector.request(object_id, sizes[object_id], side)
            for object_id in prompts
            if (side := sides[object_id]) is not None
        ]
        return dict.fromkeys(prompts, self.placement.full) | share_views(requests, self.placement)

    def _crop(self, view: View, prompts: PlanePrompts, tracking: TrackingResult) -> MaskCrop:
        """Return the mask on the plane; a given mask is kept to the pixel."""
        if prompts.mask is not None:
            return prompts.mask
        return self.encoder.mask_to_plane(view, tracking.logits)


def prompted_result(
    object_id: int,
    frame: int,
    index: PlaneIndex,
    view: View,
    crop: MaskCrop,
    tracking: TrackingResult,
) -> FrameResult:
    """Return the result of a conditioning frame."""
    scores = (tracking.predicted_iou, tracking.object_score)
    shown = view.window if view.zoomed else None
    return FrameResult(object_id, frame, index, crop, *scores, MaskOrigin.PROMPT, view=shown)


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield consecutive parts of a sequence with at most ``size`` items each."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
