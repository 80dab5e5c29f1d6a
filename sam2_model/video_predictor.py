"""Segment objects in a video: prompts on any frame, propagation both ways, corrections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sam2_model.batching import separate
from sam2_model.errors import InputError
from sam2_model.memory_bank import MemoryEntry, TrackState
from sam2_model.modeling.features import Features
from sam2_model.modeling.layers import upsample
from sam2_model.modeling.sam2 import ABSENT_LOGIT, SAM2, SelectedMask
from sam2_model.tracker import FrameTime, Prompt, Tracker, TrackerSettings
from sam2_model.transforms import (
    Coordinates,
    PointTokens,
    as_rgb,
    check_mask,
    frame_pixels,
    mask_to_square,
)


class Frames(Protocol):
    """A video: frames (H, W), (H, W, 1) or (H, W, 3), read one at a time and then dropped."""

    def __len__(self) -> int: ...

    def __getitem__(self, frame: int, /) -> ArrayLike: ...


@dataclass(frozen=True, slots=True)
class FrameMasks:
    """Every object's mask on one frame.

    Parameters
    ----------
    frame : int
        The frame.
    object_ids : tuple of int
        In the order in which objects were added.
    logits : Tensor
        (N, 1, H, W) at the video's size, positive inside; -1024 where nothing is known.
    """

    frame: int
    object_ids: tuple[int, ...]
    logits: Tensor


@dataclass(slots=True)
class _Track:
    """One object: what was asked, what is remembered, what waits to become a memory."""

    state: TrackState = field(default_factory=TrackState)
    points: dict[int, PointTokens] = field(default_factory=dict)
    pending: dict[int, tuple[SelectedMask, bool]] = field(default_factory=dict)
    passed: dict[int, bool] = field(default_factory=dict)

    @property
    def prompted(self) -> set[int]:
        waiting = {frame for frame, (_, conditions) in self.pending.items() if conditions}
        return waiting | set(self.state.prompted)

    def entry(self, frame: int) -> MemoryEntry | None:
        return self.state.prompted.get(frame) or self.state.tracked.get(frame)

    def logits(self, frame: int) -> Tensor | None:
        """Return the low-resolution mask known for a frame, (S/4, S/4)."""
        if frame in self.pending:
            return self.pending[frame][0].logits[0, 0]
        entry = self.entry(frame)
        return None if entry is None else entry.logits


class VideoPredictor:
    """Start sessions on videos.

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
        """Open a video; nothing is read but its first frame's size.

        Raises
        ------
        InputError
            If it has no frame, or the first is no image.
        """
        return VideoSession(self.tracker, frames)


class VideoSession:
    """Objects of one video. Frames are encoded on demand and shared by all objects."""

    def __init__(self, tracker: Tracker, frames: Frames) -> None:
        if len(frames) == 0:
            raise InputError("The video has no frames")
        self._tracker = tracker
        self._frames = frames
        self._shape = as_rgb(frames[0]).shape[:2]
        self._tracks: dict[int, _Track] = {}
        self._cached: tuple[int, Features] | None = None

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects in the order in which they were added."""
        return tuple(self._tracks)

    @property
    def nbytes(self) -> int:
        """Memory held by all tracks, in bytes."""
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
        previous: Tensor | None = None,
    ) -> FrameMasks:
        """Prompt an object with clicks, a box, or both; a new object is added.

        Parameters
        ----------
        frame, object_id : int
            Where, and which object.
        points, labels : array_like, optional
            (N, 2) x and y in pixels of the video, and (N,): 1 inside, 0 outside.
        box : array_like, optional
            (4,) x0, y0, x1, y1.
        clear_old : bool
            Whether earlier clicks on this frame are forgotten; a box needs it.
        previous : Tensor, optional
            (S/4, S/4) logits of the object's mask on this frame, when it lies outside the
            retention window and the tracker no longer holds it.

        Returns
        -------
        FrameMasks
            All objects on this frame.

        Raises
        ------
        InputError
            If the frame or prompt cannot be used.
        """
        self._check_frame(frame)
        tokens = self._tokens(points, labels, box, clear_old)
        track = self._tracks.get(object_id, _Track())
        if not clear_old and frame in track.points:
            tokens = PointTokens.joined((track.points[frame], tokens))
        known = previous if previous is not None else track.logits(frame)
        self._prompt(track, frame, Prompt(points=tokens, previous=known))
        track.points[frame] = tokens
        self._tracks[object_id] = track
        return self._masks(frame)

    def add_mask(self, frame: int, object_id: int, mask: ArrayLike) -> FrameMasks:
        """Prompt an object with a binary mask (H, W), which becomes its mask on this frame.

        Raises
        ------
        InputError
            If the frame does not exist or the mask has another size or other values than 0 and 1.
        """
        self._check_frame(frame)
        binary = check_mask(mask, self._shape)
        model = self._tracker.model
        square = mask_to_square(binary, model.config.image_size, model.device)
        track = self._tracks.get(object_id, _Track())
        self._prompt(track, frame, Prompt(mask=square))
        track.points.pop(frame, None)
        self._tracks[object_id] = track
        return self._masks(frame)

    def clear_prompts(self, frame: int, object_id: int) -> None:
        """Forget what was asked about an object on a frame; its mask there stays a memory."""
        self._check_frame(frame)
        track = self._track(object_id)
        track.points.pop(frame, None)
        track.pending.pop(frame, None)
        track.passed.pop(frame, None)
        track.state = track.state.without_prompt(frame)

    def remove_object(self, object_id: int) -> None:
        """Forget an object altogether; the others stay as they are."""
        self._track(object_id)
        del self._tracks[object_id]

    def propagate(
        self, start: int | None = None, max_frames: int | None = None, *, reverse: bool = False
    ) -> Iterator[FrameMasks]:
        """Track all objects from a frame on.

        Parameters
        ----------
        start : int, optional
            First frame, which is yielded too; the earliest prompted frame when not given.
        max_frames : int, optional
            How many further frames; to the end when not given.
        reverse : bool
            Toward frame 0.

        Yields
        ------
        FrameMasks
            As soon as a frame is done.

        Raises
        ------
        InputError
            If an object, or everything, lacks a prompt.
        """
        self._check_prompted()
        self._settle()
        first = (
            min(min(t.state.prompted) for t in self._tracks.values()) if start is None else start
        )
        self._check_frame(first)
        for frame in self._order(first, max_frames, reverse):
            self._advance(FrameTime(frame, reverse, len(self._frames)))
            yield self._masks(frame)

    def entry(self, frame: int, object_id: int) -> MemoryEntry | None:
        """Return what is remembered of an object on a frame, if anything still is."""
        track = self._track(object_id)
        if frame in track.pending:
            choice = track.pending[frame][0]
            return MemoryEntry(
                frame, choice.logits[0, 0], choice.pointer[0], choice.object_score[0]
            )
        return track.entry(frame)

    def _prompt(self, track: _Track, frame: int, prompt: Prompt) -> None:
        """Run a prompt; its result waits until propagation writes it as a memory."""
        fresh = frame not in track.passed
        state = None if fresh else track.state
        place = FrameTime(frame, track.passed.get(frame, False), len(self._frames))
        choice = self._tracker.prompt(self._features(frame), place, prompt, state)
        corrects = self._tracker.settings.corrections_condition
        track.pending[frame] = (choice, fresh or corrects or not track.prompted)

    def _settle(self) -> None:
        """Write waiting prompts as memories."""
        for track in self._tracks.values():
            for frame, (choice, conditions) in sorted(track.pending.items()):
                [entry] = self._tracker.remember(self._features(frame), frame, [choice])
                if conditions:
                    track.state = track.state.with_prompted(entry)
                elif frame not in track.state.prompted:
                    track.state = track.state.with_tracked(entry)
            track.pending.clear()

    def _advance(self, place: FrameTime) -> None:
        """Bring every object to a frame, all of them from one encoding."""
        frame = place.frame
        moving = [t for t in self._tracks.values() if frame not in t.state.prompted]
        if moving:
            steps = self._tracker.track(self._features(frame), place, [t.state for t in moving])
            for track, (_, state) in zip(moving, steps, strict=True):
                track.state = state
        for track in self._tracks.values():
            if self._tracker.settings.clear_around_input and frame in track.state.prompted:
                track.state = track.state.without_tracked_around(frame)
            track.passed[frame] = place.reverse

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
            full = separate(full)
        return FrameMasks(frame, self.object_ids, full)

    def _features(self, frame: int) -> Features:
        if self._cached is None or self._cached[0] != frame:
            self._cached = None
            model = self._tracker.model
            image = self._frames[frame]
            if as_rgb(image).shape[:2] != self._shape:
                raise InputError(f"Frame {frame} differs in size from frame 0, {self._shape}")
            pixels = frame_pixels(image, model.config.image_size, model.device)
            with torch.inference_mode():
                self._cached = (frame, model.encode(pixels))
        return self._cached[1]

    def _tokens(
        self,
        points: ArrayLike | None,
        labels: ArrayLike | None,
        box: ArrayLike | None,
        clear_old: bool,
    ) -> PointTokens:
        if box is not None and not clear_old:
            raise InputError("A box starts anew: pass clear_old=True with it")
        model = self._tracker.model
        coordinates = Coordinates(self._shape[0], self._shape[1], model.config.image_size)
        tokens = coordinates.prompt(points, labels, box, model.device)
        if tokens is None:
            raise InputError("Nothing was asked: give points with labels, or a box")
        if len(tokens.points) != 1:
            raise InputError("One call prompts one object; add the others with their own ids")
        return tokens

    def _track(self, object_id: int) -> _Track:
        if object_id not in self._tracks:
            known = ", ".join(map(str, self._tracks)) or "none"
            raise InputError(f"There is no object {object_id}; objects are: {known}")
        return self._tracks[object_id]

    def _check_frame(self, frame: int) -> None:
        if not 0 <= frame < len(self._frames):
            raise InputError(f"There is no frame {frame}; frames are 0..{len(self._frames) - 1}")

    def _check_prompted(self) -> None:
        if not self._tracks:
            raise InputError("Nothing to propagate: prompt an object with add_points or add_mask")
        for number, track in self._tracks.items():
            if not track.prompted:
                raise InputError(
                    f"Object {number} has no prompt: prompt it or call remove_object({number})"
                )
