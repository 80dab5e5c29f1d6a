"""Segmentation of videos: prompts on any frame, propagation in both directions, corrections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from sam2_model.batching import resolve_overlaps
from sam2_model.errors import InputError
from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry
from sam2_model.modeling.features import Features
from sam2_model.modeling.layers import upsample
from sam2_model.modeling.sam2 import ABSENT_LOGIT, SAM2, SelectedMask
from sam2_model.object_track import ObjectTrack
from sam2_model.tracker import Tracker, TrackerSettings
from sam2_model.transforms import (
    Coordinates,
    PointTokens,
    as_rgb,
    check_mask,
    frame_pixels,
    mask_to_square,
)


@runtime_checkable
class Frames(Protocol):
    """A sequence of frames (H, W), (H, W, 1) or (H, W, 3), of which one is read at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, frame: int, /) -> ArrayLike: ...


@dataclass(frozen=True, slots=True)
class FrameMasks:
    """The masks of all objects on one frame.

    Parameters
    ----------
    frame : int
        Position in the video.
    object_ids : tuple of int
        In the order in which objects were added.
    logits : Tensor
        (N, 1, H, W), H and W of the video, positive inside; -1024 where the frame has no mask yet.
    """

    frame: int
    object_ids: tuple[int, ...]
    logits: Float[Tensor, "n 1 h w"]


class VideoPredictor:
    """Starts sessions on videos.

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    settings : TrackerSettings, optional
        How prompts and memories are used.
    """

    def __init__(self, model: SAM2, settings: TrackerSettings | None = None) -> None:
        self.tracker = Tracker(model, settings)

    def start(self, frames: Frames) -> VideoSession:
        """Return a session on a video, of which only the first frame is read.

        Raises
        ------
        InputError
            If the video has no frames, or the first is not an image.
        """
        return VideoSession(self.tracker, frames)


class VideoSession:
    """Segments the objects of one video. Each frame is encoded once for all objects."""

    def __init__(self, tracker: Tracker, frames: Frames) -> None:
        if len(frames) == 0:
            raise InputError("The video has no frames")
        self._tracker = tracker
        self._frames = frames
        self._shape = as_rgb(frames[0]).shape[:2]
        self._tracks: dict[int, ObjectTrack] = {}
        self._cached: tuple[int, Features] | None = None

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects, in the order in which they were added."""
        return tuple(self._tracks)

    @property
    def nbytes(self) -> int:
        """Size of the memories of all objects in bytes."""
        return sum(track.state.nbytes for track in self._tracks.values())

    def add_points(
        self,
        frame: int,
        object_id: int,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        *,
        clear_old: bool = True,
        previous: Float[Tensor, "h w"] | None = None,
    ) -> FrameMasks:
        """Prompt an object with points, a box, or both, and return all masks on the frame.

        An object with a new id is added.

        Parameters
        ----------
        frame, object_id : int
            The frame and the object.
        points, labels : array_like, optional
            (N, 2) points (x, y) in pixels of the video, and (N,) labels: 1 inside the object,
            0 outside.
        box : array_like, optional
            (4,), (x0, y0, x1, y1) in pixels of the video.
        clear_old : bool
            Drop earlier points on this frame; required with a box.
        previous : Tensor, optional
            (S/4, S/4) logits of the object's mask on this frame, for frames whose memory is no
            longer kept.

        Returns
        -------
        FrameMasks
            The masks of all objects on this frame.

        Raises
        ------
        InputError
            If the frame does not exist or the prompt does not fit the video.
        """
        self._check_frame(frame)
        tokens = self._tokens(points, labels, box, clear_old)
        track = self._tracks.get(object_id, ObjectTrack())
        if not clear_old and frame in track.points:
            tokens = PointTokens.concatenate((track.points[frame], tokens))
        if previous is None:
            previous = track.logits(frame)
        self._predict(track, frame, tokens, previous)
        track.points[frame] = tokens
        self._tracks[object_id] = track
        return self._masks(frame)

    def add_mask(self, frame: int, object_id: int, mask: ArrayLike) -> FrameMasks:
        """Prompt an object with a binary mask (H, W) and return all masks on the frame.

        The mask becomes the object's mask on this frame. An object with a new id is added.

        Raises
        ------
        InputError
            If the frame does not exist, or the mask has another size or values other than 0 and 1.
        """
        self._check_frame(frame)
        binary = check_mask(mask, self._shape)
        model = self._tracker.model
        square = mask_to_square(binary, model.config.image_size, model.device)
        track = self._tracks.get(object_id, ObjectTrack())
        mask_output = self._tracker.mask_as_output(self._features(frame), square)
        self._add_pending(track, frame, mask_output)
        track.points.pop(frame, None)
        self._tracks[object_id] = track
        return self._masks(frame)

    def clear_prompts(self, frame: int, object_id: int) -> None:
        """Remove an object's prompts on a frame; its memory there becomes non-conditioning."""
        self._check_frame(frame)
        track = self._track(object_id)
        track.points.pop(frame, None)
        track.pending.pop(frame, None)
        track.tracked.pop(frame, None)
        track.state = track.state.without_conditioning(frame)

    def remove_object(self, object_id: int) -> None:
        """Remove an object with all its memories; other objects do not change."""
        self._track(object_id)
        del self._tracks[object_id]

    def propagate(
        self, start: int | None = None, max_frames: int | None = None, *, reverse: bool = False
    ) -> Iterator[FrameMasks]:
        """Track all objects from a frame on, and yield their masks frame by frame.

        Parameters
        ----------
        start : int, optional
            First frame, which is yielded too; by default the first conditioning frame.
        max_frames : int, optional
            Number of frames after the first; by default all.
        reverse : bool
            Track backward in time.

        Yields
        ------
        FrameMasks
            The masks of all objects on one frame.

        Raises
        ------
        InputError
            If there are no objects, or one has no prompt.
        """
        self._check_prompted()
        self._encode_pending()
        first = (
            min(min(t.state.conditioning) for t in self._tracks.values())
            if start is None
            else start
        )
        self._check_frame(first)
        for frame in self._order(first, max_frames, reverse):
            self._track_to(FrameTime(frame, reverse, len(self._frames)))
            yield self._masks(frame)

    def memory(self, frame: int, object_id: int) -> MemoryEntry | None:
        """Return an object's memory of a frame, or None if there is none."""
        return self._track(object_id).memory(frame)

    def _predict(
        self, track: ObjectTrack, frame: int, tokens: PointTokens, previous: Tensor | None
    ) -> None:
        state = track.state if frame in track.tracked else None
        time = FrameTime(frame, track.tracked.get(frame, False), len(self._frames))
        features = self._features(frame)
        self._add_pending(
            track, frame, self._tracker.predict(features, time, tokens, previous, state)
        )

    def _add_pending(self, track: ObjectTrack, frame: int, mask: SelectedMask) -> None:
        """Keep the mask of a prompt until propagation encodes it as a memory."""
        conditioning = (
            frame not in track.tracked
            or self._tracker.settings.corrections_as_conditioning
            or not track.conditioning_frames
        )
        track.pending[frame] = (mask, conditioning)

    def _encode_pending(self) -> None:
        for track in self._tracks.values():
            for frame, (mask, conditioning) in sorted(track.pending.items()):
                [entry] = self._tracker.encode_memory(self._features(frame), frame, [mask])
                if conditioning:
                    track.state = track.state.with_conditioning(entry)
                elif frame not in track.state.conditioning:
                    track.state = track.state.with_non_conditioning(entry)
            track.pending.clear()

    def _track_to(self, time: FrameTime) -> None:
        """Track all objects to a frame, which is encoded once."""
        frame = time.frame
        moving = [t for t in self._tracks.values() if frame not in t.state.conditioning]
        if moving:
            steps = self._tracker.track(self._features(frame), time, [t.state for t in moving])
            for track, (_, state) in zip(moving, steps, strict=True):
                track.state = state
        for track in self._tracks.values():
            if (
                self._tracker.settings.clear_memory_near_prompts
                and frame in track.state.conditioning
            ):
                track.state = track.state.without_non_conditioning_near(frame)
            track.tracked[frame] = time.reverse

    def _order(self, first: int, max_frames: int | None, reverse: bool) -> range:
        count = len(self._frames) if max_frames is None else max_frames
        if reverse:
            return range(first, max(first - count, 0) - 1, -1) if first > 0 else range(0)
        return range(first, min(first + count, len(self._frames) - 1) + 1)

    def _masks(self, frame: int) -> FrameMasks:
        side = self._tracker.model.config.mask_side
        unknown = torch.full((side, side), ABSENT_LOGIT, device=self._tracker.model.device)
        known = [track.logits(frame) for track in self._tracks.values()]
        low = torch.stack([unknown if one is None else one.float() for one in known])[:, None]
        full = upsample(low, self._shape)
        if self._tracker.settings.non_overlap_masks:
            full = resolve_overlaps(full)
        return FrameMasks(frame, self.object_ids, full)

    def _features(self, frame: int) -> Features:
        if self._cached is None or self._cached[0] != frame:
            self._cached = None
            model = self._tracker.model
            image = self._frames[frame]
            if as_rgb(image).shape[:2] != self._shape:
                raise InputError(f"Frame {frame} has another size than frame 0, {self._shape}")
            pixels = frame_pixels(image, model.config.image_size, model.device)
            with torch.inference_mode():
                self._cached = (frame, model.encode_image(pixels))
        return self._cached[1]

    def _tokens(
        self,
        points: ArrayLike | None,
        labels: ArrayLike | None,
        box: ArrayLike | None,
        clear_old: bool,
    ) -> PointTokens:
        if box is not None and not clear_old:
            raise InputError("A box replaces earlier points: pass clear_old=True with it")
        model = self._tracker.model
        coordinates = Coordinates(self._shape[0], self._shape[1], model.config.image_size)
        tokens = coordinates.prompt(points, labels, box, model.device)
        if tokens is None:
            raise InputError("There is no prompt: give points with labels, or a box")
        if len(tokens.points) != 1:
            raise InputError("One call prompts one object; call again for each other object id")
        return tokens

    def _track(self, object_id: int) -> ObjectTrack:
        if object_id not in self._tracks:
            known = ", ".join(map(str, self._tracks)) or "none"
            raise InputError(f"There is no object {object_id}; objects are: {known}")
        return self._tracks[object_id]

    def _check_frame(self, frame: int) -> None:
        if not 0 <= frame < len(self._frames):
            raise InputError(f"There is no frame {frame}; frames are 0..{len(self._frames) - 1}")

    def _check_prompted(self) -> None:
        if not self._tracks:
            raise InputError("There are no objects: prompt one with add_points or add_mask first")
        for number, track in self._tracks.items():
            if not track.conditioning_frames:
                raise InputError(
                    f"Object {number} has no prompt: prompt it or call remove_object({number})"
                )
