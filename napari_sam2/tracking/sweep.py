"""One pass over the frames in one direction, in which all objects are tracked together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.plane_readers import PlaneRequest
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackingResult
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, ViewRequest, share_views
from napari_sam2.masks.mask import FrameResult, MaskCrop
from napari_sam2.tracking.memory_transfer import MemoryTransfer
from napari_sam2.tracking.plan import Role, Sweep, Task
from napari_sam2.tracking.track import Track
from napari_sam2.tracking.track_start import TrackInitializer, batches


@dataclass(frozen=True, slots=True)
class _TrackedGroup:
    """The tracks of a group in their view, and the results of the model for them."""

    tracks: Sequence[Track]
    found: Iterable[TrackingResult]


class SweepRunner:
    """Advances the tracks of one sweep frame by frame.

    Parameters
    ----------
    sweep : Sweep
        Direction, frames and conditioning frames.
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    initializer : TrackInitializer
        Starts tracks.
    group_size : int
        Number of objects in one call of the model; fixed for a run, as it changes rounding.
    end_detection : bool
        Whether tracks can end.
    prefetch : Callable
        Receives the reads that the next frame will probably need.
    """

    def __init__(
        self,
        sweep: Sweep,
        encoder: ViewEncoder,
        placement: ViewPlacement,
        initializer: TrackInitializer,
        group_size: int,
        end_detection: bool,
        prefetch: Callable[[Sequence[PlaneRequest]], None],
    ) -> None:
        self._sweep = sweep
        self._encoder = encoder
        self._placement = placement
        self._initializer = initializer
        self._group_size = group_size
        self._end_detection = end_detection
        self._prefetch = prefetch
        self._memory_transfer = MemoryTransfer(encoder, placement)
        self._tracks: dict[int, Track] = {}
        self._before: dict[int, Track] = {}

    def step(self, frame: int, tasks: Sequence[Task]) -> dict[int, FrameResult]:
        """Process one frame and return the result of each object id."""
        self._before = dict(self._tracks)
        results = self._condition(
            frame, [task.object_id for task in tasks if task.role is Role.CONDITION]
        )
        tracked = [task for task in tasks if task.role is Role.TRACK]
        ended = {task.object_id for task in tracked if self._ended(task)}
        active = [task.object_id for task in tracked if task.object_id not in ended]
        index, origin = self._encoder.reader.index(frame), self._sweep.direction
        results |= {r.object_id: r for r in self._track(frame, index, active)}
        for object_id in ended:
            results[object_id] = FrameResult.after_end(object_id, frame, index, origin)
        return results | {
            task.object_id: replace(results[task.object_id], final=False)
            for task in tasks
            if not task.final
        }

    def exclude(self, objects: Iterable[int]) -> None:
        """End the tracks of objects without a pixel on the last frame, or count them as lost."""
        for object_id in objects:
            track, before = self._tracks[object_id], self._before[object_id]
            self._tracks[object_id] = track.lose(before, ended=self._end_detection)

    def tracks_to_state(self) -> tuple[dict[str, Any], ...]:
        """Return all tracks as values that can be stored, see :meth:`Track.to_state`."""
        serialize = self._encoder.predictor.serialize_state
        return tuple(track.to_state(serialize) for track in self._tracks.values())

    def restore_tracks(self, states: Sequence[dict[str, Any]]) -> None:
        """Continue with the tracks of :meth:`tracks_to_state`."""
        deserialize = self._encoder.predictor.deserialize_state
        tracks = [Track.from_state(state, deserialize) for state in states]
        self._tracks |= {track.object_id: track for track in tracks}

    def _ended(self, task: Task) -> bool:
        can_end = self._end_detection and not task.enclosed
        return can_end and self._tracks[task.object_id].presence.ended

    def _condition(self, frame: int, objects: Sequence[int]) -> dict[int, FrameResult]:
        fresh = {o: self._sweep.conditioning[o] for o in objects if o not in self._tracks}
        if fresh:
            self._tracks |= self._initializer.start(frame, fresh)
        for object_id in objects:
            if object_id not in fresh:
                self._tracks[object_id] = self._reach(frame, self._tracks[object_id])
        return {o: self._tracks[o].conditioning_result(frame).result for o in objects}

    def _reach(self, frame: int, track: Track) -> Track:
        """Return the track on its next conditioning frame, of which it already has memory."""
        here = track.conditioning_result(frame)
        reached = Track.start(track.object_id, frame, track.state, track.conditioning)
        if not (here.view.zoomed or track.view.zoomed):
            return reached
        moved = self._memory_transfer.to_view(track, here.view)
        return self._memory_transfer.refresh_anchor(replace(reached, state=moved.state))

    def _track(self, frame: int, index: PlaneIndex, objects: Sequence[int]) -> list[FrameResult]:
        members: dict[View, list[int]] = {}
        for object_id, view in sorted(self._views(objects).items()):
            members.setdefault(view, []).append(object_id)
        self._prefetch_next(frame, sorted(members))
        results: list[FrameResult] = []
        # As many calls as run at the same time are begun before the results of the first are used.
        begun: deque[_TrackedGroup] = deque()
        for view in sorted(members):
            for group in batches(members[view], self._group_size):
                begun.append(self._begin(frame, index, view, group))
                if len(begun) == self._encoder.predictor.info.parallel_calls:
                    results += self._finish(frame, index, begun.popleft())
        while begun:
            results += self._finish(frame, index, begun.popleft())
        return results

    def _finish(self, frame: int, index: PlaneIndex, group: _TrackedGroup) -> list[FrameResult]:
        before = {track.object_id: self._tracks[track.object_id] for track in group.tracks}
        found = self._advance_group(frame, index, group)
        return [self._redetect(frame, index, before[r.object_id], r) for r in found]

    def _redetect(
        self, frame: int, index: PlaneIndex, before: Track, result: FrameResult
    ) -> FrameResult:
        """Track an object that is lost in a zoomed view again in a view twice as wide.

        This is done on the first frame without the object, then after 1, 3, 7, ... frames.
        """
        absent = before.presence.absent_frames
        if result.area or not before.view.zoomed or absent & (absent + 1):
            return result
        lost = self._tracks[before.object_id]
        self._tracks[before.object_id] = before
        view = self._placement.wider(before.view)
        (again,) = self._track_group(frame, index, view, [before.object_id])
        if again.area:
            return again
        self._tracks[before.object_id] = lost
        return result

    def _prefetch_next(self, frame: int, views: Sequence[View]) -> None:
        later = frame + self._sweep.frames.step
        if later in self._sweep.frames:
            index = self._encoder.reader.index(later)
            self._prefetch([self._encoder.request(index, view) for view in views])

    def _views(self, objects: Sequence[int]) -> dict[int, View]:
        placement = self._placement
        views: dict[int, View] = {}
        requests = []
        for object_id in objects:
            track = self._tracks[object_id]
            view = track.view
            side = placement.later_side(view.side, track.box) if view.zoomed else None
            if side is None:
                views[object_id] = placement.full
                continue
            need = placement.need(track.box, track.motion, side)
            requests.append(ViewRequest(object_id, need, side, view))
        return views | share_views(requests, placement)

    def _track_group(
        self, frame: int, index: PlaneIndex, view: View, objects: Sequence[int]
    ) -> list[FrameResult]:
        return self._advance_group(frame, index, self._begin(frame, index, view, objects))

    def _begin(
        self, frame: int, index: PlaneIndex, view: View, objects: Sequence[int]
    ) -> _TrackedGroup:
        tracks = [self._memory_transfer.to_view(self._tracks[o], view) for o in objects]
        embedding = self._encoder.encode(index, view)
        states = [track.state for track in tracks]
        found = self._encoder.predictor.track(
            embedding, frame, states, reverse=self._sweep.reverse, zoomed=view.zoomed
        )
        return _TrackedGroup(tracks, found)

    def _advance_group(
        self, frame: int, index: PlaneIndex, group: _TrackedGroup
    ) -> list[FrameResult]:
        return [
            self._advance(frame, index, track, tracking)
            for track, tracking in zip(group.tracks, group.found, strict=True)
        ]

    def _advance(
        self, frame: int, index: PlaneIndex, track: Track, tracking: TrackingResult
    ) -> FrameResult:
        """Advance one track and return its result."""
        encoder, view, score = self._encoder, track.view, tracking.object_score
        crop = MaskCrop.empty()
        if score > 0:
            crop = encoder.mask_to_plane(view, encoder.smooth(view, tracking.logits))
        self._tracks[track.object_id] = track.advance(frame, tracking.state, crop, score)
        return FrameResult(
            object_id=track.object_id,
            frame=frame,
            index=index,
            crop=crop,
            predicted_iou=tracking.predicted_iou,
            object_score=score,
            origin=self._sweep.direction,
            view=view.window if view.zoomed else None,
        )
