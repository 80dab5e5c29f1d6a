"""Start tracks: every prompted frame of an object is conditioned on before any is followed."""

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
from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.prompts.plane_prompts import MaskCrop, PlanePrompts
from napari_sam2.tracking.termination import PresenceHistory
from napari_sam2.tracking.track import ConditioningResult, FrameMask, Track


@dataclass(frozen=True)
class TrackInitializer:
    """Answers the prompts of objects whose track begins.

    Parameters
    ----------
    encoder : ViewEncoder
        The model's eyes.
    placement : ViewPlacement
        Where windows may lie.
    question : Callable
        Gives the question of (object id, frame).
    group_size : int
        Objects in one call of the model.
    """

    encoder: ViewEncoder
    placement: ViewPlacement
    question: Callable[[int, int], PlanePrompts]
    group_size: int

    def begin(self, first: int, prompted: Mapping[int, Sequence[int]]) -> dict[int, Track]:
        """Return tracks that stand on frame ``first``, one for each object.

        Parameters
        ----------
        first : int
            The prompted frame that the sweep has reached.
        prompted : Mapping[int, Sequence[int]]
            All prompted frames of each object; ``first`` is among them.
        """
        states: dict[int, TrackState] = {}
        answers: dict[int, list[ConditioningResult]] = {object_id: [] for object_id in prompted}
        sides: dict[int, int | None] = {}
        for frame in sorted({frame for frames in prompted.values() for frame in frames}):
            here = [object_id for object_id, frames in prompted.items() if frame in frames]
            for answer, state in self._answer(frame, here, states, sides):
                answers[answer.result.object_id].append(answer)
                states[answer.result.object_id] = state
        return {
            object_id: start(object_id, first, states[object_id], tuple(answers[object_id]))
            for object_id in prompted
        }

    def _answer(
        self,
        frame: int,
        objects: Sequence[int],
        states: Mapping[int, TrackState],
        sides: dict[int, int | None],
    ) -> Iterable[tuple[ConditioningResult, TrackState]]:
        index = self.encoder.stack.index(frame)
        asked = {object_id: self.question(object_id, frame) for object_id in objects}
        views = self._views(index, asked, sides)
        for view in sorted(set(views.values())):
            encoding = self.encoder.encode(index, view)
            members = [object_id for object_id in objects if views[object_id] == view]
            for group in batches(members, self.group_size):
                prompts = [
                    self.encoder.prompts_to_view(view, asked[object_id]) for object_id in group
                ]
                before = [states.get(object_id) for object_id in group]
                steps = self.encoder.predictor.add_prompts(encoding, frame, prompts, before)
                for object_id, step in zip(group, steps, strict=True):
                    patch = self._patch(view, asked[object_id], step)
                    result = result_of(object_id, frame, index, view, patch, step)
                    yield ConditioningResult(result, view), step.state

    def _views(
        self, index: PlaneIndex, asked: Mapping[int, PlanePrompts], sides: dict[int, int | None]
    ) -> dict[int, View]:
        look = InitialViewSelector(self.encoder, self.placement)
        sized = look.sizes(index, asked)
        for object_id in asked:
            known, seen = sides.get(object_id), sized[object_id]
            sides[object_id] = (
                look.side(seen) if known is None else self.placement.later_side(known, seen.box)
            )
        wanted = [
            look.wanted(object_id, sized[object_id], side)
            for object_id in asked
            if (side := sides[object_id]) is not None
        ]
        return dict.fromkeys(asked, self.placement.full) | share_views(wanted, self.placement)

    def _patch(self, view: View, question: PlanePrompts, step: TrackingResult) -> MaskCrop:
        """Return the outcome; a mask that the user gave is kept to the pixel."""
        if question.mask is not None and view.zoomed:
            return question.mask
        return self.encoder.components.answer(
            question, self.encoder.mask_to_plane(view, step.logits)
        )


def result_of(
    object_id: int, frame: int, index: PlaneIndex, view: View, patch: MaskCrop, step: TrackingResult
) -> FrameResult:
    """Return the result of a prompted frame."""
    return FrameResult(
        object_id=object_id,
        frame=frame,
        index=index,
        window=patch.window,
        logits=patch.logits,
        predicted_iou=step.predicted_iou,
        object_score=step.object_score,
        direction=MaskOrigin.PROMPT,
        view=str(view),
    )


def start(
    object_id: int, frame: int, state: TrackState, answers: tuple[ConditioningResult, ...]
) -> Track:
    """Return a track that stands on a prompted frame."""
    answer = next(answer for answer in answers if answer.result.frame == frame)
    patch = MaskCrop(answer.result.window, answer.result.logits)
    seen = FrameMask(frame, patch)
    box = patch.box or answer.view.window
    presence = PresenceHistory(usual_area=float(patch.area))
    return Track(
        object_id, state, answer.view, box, (0.0, 0.0), presence, seen, seen, (0, 0), answers
    )


T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Iterate over runs of at most ``size`` items, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
