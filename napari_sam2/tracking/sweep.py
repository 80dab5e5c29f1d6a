"""One pass over the frames: every object seen in its window, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.plane_readers import PlaneRequest
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackingResult
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, ViewRequest, share_views
from napari_sam2.masks.mask import MAX_LOGIT, FrameResult
from napari_sam2.prompts.plane_prompts import MaskCrop
from napari_sam2.tracking.memory_transfer import MemoryTransfer
from napari_sam2.tracking.plan import Role, Sweep, Task
from napari_sam2.tracking.redetection import EncodingBudget, Redetector
from napari_sam2.tracking.resume_state import SavedTrack
from napari_sam2.tracking.termination import TerminationRule
from napari_sam2.tracking.track import Track
from napari_sam2.tracking.track_start import TrackInitializer, batches, start
from napari_sam2.tracking.track_update import TrackUpdater


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """One object's outcome on a frame.

    Parameters
    ----------
    track : Track
        Standing on the frame.
    patch : MaskCrop
        Its mask there.
    step : TrackingResult
        Its scores.
    """

    track: Track
    patch: MaskCrop
    step: TrackingResult


class SweepRunner:
    """Carries the tracks of one sweep from frame to frame.

    Parameters
    ----------
    sweep : Sweep
        Direction and prompted frames.
    encoder : ViewEncoder
        The model's eyes.
    placement : ViewPlacement
        Where windows may lie.
    initializer : TrackInitializer
        Starts tracks.
    group_size : int
        Objects in one call of the model; fixed for the run, as sums depend on it.
    stop_rule : TerminationRule or None
        When a track has ended; None for never.
    announce : Callable
        Told which reads the next frame will probably need.
    """

    def __init__(
        self,
        sweep: Sweep,
        encoder: ViewEncoder,
        placement: ViewPlacement,
        initializer: TrackInitializer,
        group_size: int,
        stop_rule: TerminationRule | None,
        announce: Callable[[Sequence[PlaneRequest]], None],
    ) -> None:
        self.sweep = sweep
        self.encoder = encoder
        self.placement = placement
        self.initializer = initializer
        self.group_size = group_size
        self.stop_rule = stop_rule
        self.announce = announce
        self.memory_transfer = MemoryTransfer(encoder, placement)
        self.updater = TrackUpdater(encoder, stop_rule)
        self._tracks: dict[int, Track] = {}

    def step(self, frame: int, tasks: Sequence[Task]) -> dict[int, FrameResult]:
        """Compute one frame and return its result for each object id."""
        results = self._condition(
            frame, [task.object_id for task in tasks if task.role is Role.CONDITION]
        )
        tracked = [task for task in tasks if task.role is Role.TRACK]
        ended = {task.object_id for task in tracked if self._ended(task)}
        going = [task.object_id for task in tracked if task.object_id not in ended]
        index = self.encoder.stack.index(frame)
        for followed in self._follow(frame, index, going):
            object_id = followed.track.object_id
            self._tracks[object_id] = followed.track
            results[object_id] = self._result(frame, index, followed)
        for object_id in ended:
            results[object_id] = _nothing(object_id, frame, index, self.sweep)
        return results | {
            task.object_id: replace(results[task.object_id], final=task.final) for task in tasks
        }

    def saved(self) -> tuple[SavedTrack, ...]:
        """Return the tracks with their states as bytes."""
        dump = self.encoder.predictor.serialize_state
        return tuple(
            SavedTrack(
                t.object_id,
                dump(t.state),
                t.view,
                t.box,
                t.motion,
                t.presence,
                t.last,
                t.anchor,
                t.drift,
                t.answers,
            )
            for t in self._tracks.values()
        )

    def restore(self, saved: Sequence[SavedTrack]) -> None:
        """Undo :meth:`saved`."""
        load = self.encoder.predictor.deserialize_state
        for s in saved:
            self._tracks[s.object_id] = Track(
                s.object_id,
                load(s.state),
                s.view,
                s.box,
                s.motion,
                s.presence,
                s.last,
                s.anchor,
                s.drift,
                s.answers,
            )

    def _ended(self, task: Task) -> bool:
        return not task.enclosed and self._tracks[task.object_id].presence.ended(self.stop_rule)

    def _condition(self, frame: int, objects: Sequence[int]) -> dict[int, FrameResult]:
        fresh = {o: self.sweep.conditioning[o] for o in objects if o not in self._tracks}
        if fresh:
            self._tracks |= self.initializer.begin(frame, fresh)
        for object_id in objects:
            if object_id not in fresh:
                self._tracks[object_id] = self._arrive(frame, self._tracks[object_id])
        return {o: self._tracks[o].answer(frame).result for o in objects}

    def _arrive(self, frame: int, track: Track) -> Track:
        """Return the track standing on its next prompted frame."""
        answer = track.answer(frame)
        arrived = start(track.object_id, frame, track.state, track.answers)
        if not (answer.view.zoomed or track.view.zoomed):
            return arrived
        moved = self.memory_transfer.to_view(track, answer.view)
        return self.memory_transfer.anchored(replace(arrived, state=moved.state))

    def _follow(self, frame: int, index: PlaneIndex, objects: Sequence[int]) -> list[TrackUpdate]:
        views = self._views(objects)
        self._announce(frame, set(views.values()))
        budget = EncodingBudget(len(objects))
        redetector = Redetector(
            self.encoder,
            self.updater,
            self.placement,
            self.memory_transfer,
            self.sweep.reverse,
            budget,
        )
        found: list[TrackUpdate] = []
        for view in sorted(set(views.values())):
            members = [o for o in objects if views[o] == view]
            for group in batches(members, self.group_size):
                found += self._track(frame, index, view, group)
        others = {f.track.object_id: f.patch for f in found}
        return [
            TrackUpdate(*redetector.redetect(frame, before, f.track, f.patch, f.step, others))
            for f in found
            for before in [self._tracks[f.track.object_id]]
        ]

    def _announce(self, frame: int, views: set[View]) -> None:
        later = frame + self.sweep.frames.step
        if later in self.sweep.frames:
            index = self.encoder.stack.index(later)
            self.announce([self.encoder.request(index, view) for view in sorted(views)])

    def _views(self, objects: Sequence[int]) -> dict[int, View]:
        views: dict[int, View] = {}
        wanted = []
        for object_id in objects:
            track = self._tracks[object_id]
            side = (
                self.placement.later_side(track.view.side, track.box) if track.view.zoomed else None
            )
            if side is None:
                views[object_id] = self.placement.full
                continue
            need = self.placement.need(track.box, track.motion, side)
            wanted.append(ViewRequest(object_id, need, side, track.view))
        return views | share_views(wanted, self.placement)

    def _track(
        self, frame: int, index: PlaneIndex, view: View, objects: Sequence[int]
    ) -> list[TrackUpdate]:
        tracks = [self.memory_transfer.to_view(self._tracks[o], view) for o in objects]
        encoding = self.encoder.encode(index, view)
        states = [track.state for track in tracks]
        steps = self.encoder.predictor.track(
            encoding, frame, states, reverse=self.sweep.reverse, zoomed=view.zoomed
        )
        return [
            TrackUpdate(*self.updater.update(frame, view, track, step))
            for track, step in zip(tracks, steps, strict=True)
        ]

    def _result(self, frame: int, index: PlaneIndex, followed: TrackUpdate) -> FrameResult:
        return FrameResult(
            object_id=followed.track.object_id,
            frame=frame,
            index=index,
            window=followed.patch.window,
            logits=followed.patch.logits,
            predicted_iou=followed.step.predicted_iou,
            object_score=followed.step.object_score,
            direction=self.sweep.direction,
            view=str(followed.track.view),
        )


def _nothing(object_id: int, frame: int, index: PlaneIndex, sweep: Sweep) -> FrameResult:
    patch = MaskCrop.empty()
    return FrameResult(
        object_id=object_id,
        frame=frame,
        index=index,
        window=patch.window,
        logits=patch.logits,
        predicted_iou=0.0,
        object_score=-MAX_LOGIT,
        direction=sweep.direction,
        view="stopped",
    )
