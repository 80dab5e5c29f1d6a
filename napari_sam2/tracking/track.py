"""The track of one object along one direction, as an immutable value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from napari_sam2.core.geometry import Window
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackState
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin
from napari_sam2.tracking.termination import PresenceHistory


@dataclass(frozen=True, slots=True)
class FrameMask:
    """The mask of an object on a frame, from which its memory can be rebuilt in another view.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    crop : MaskCrop
        The mask on the plane.
    """

    frame: int
    crop: MaskCrop


@dataclass(frozen=True, slots=True)
class ConditioningResult:
    """The mask predicted from the prompts of a conditioning frame.

    Parameters
    ----------
    result : FrameResult
        The result, returned when the sweep reaches its frame.
    view : View
        The view in which it was predicted.
    """

    result: FrameResult
    view: View


@dataclass(frozen=True, slots=True)
class Track:
    """One object after the last frame of a sweep on which it was processed.

    Parameters
    ----------
    object_id : int
        The label value.
    state : TrackState
        The model's memory of the object.
    view : View
        The view that the memory refers to.
    box : Window
        Bounds of the last mask that was not empty, in pixels of the plane.
    motion : tuple of float
        Smoothed motion in rows and columns per frame.
    presence : PresenceHistory
        Area of the object so far, and for how long it has been absent.
    last : FrameMask
        The last mask that was not empty.
    anchor : FrameMask
        The mask on the last conditioning frame.
    drift : tuple of int
        Memory tokens (y, x) by which the view moved since the anchor's memory was written.
    conditioning : tuple of ConditioningResult
        Results of the object's conditioning frames, by frame.
    """

    object_id: int
    state: TrackState
    view: View
    box: Window
    motion: tuple[float, float]
    presence: PresenceHistory
    last: FrameMask
    anchor: FrameMask
    drift: tuple[int, int] = (0, 0)
    conditioning: tuple[ConditioningResult, ...] = ()

    @classmethod
    def start(
        cls, object_id: int, frame: int, state: TrackState, results: tuple[ConditioningResult, ...]
    ) -> Track:
        """Return a track that starts on a conditioning frame.

        Parameters
        ----------
        object_id : int
            The label value.
        frame : int
            The conditioning frame, one of those of ``results``.
        state : TrackState
            Memory of all conditioning frames.
        results : tuple of ConditioningResult
            Results of all conditioning frames.
        """
        here = next(item for item in results if item.result.frame == frame)
        mask = FrameMask(frame, here.result.crop)
        box = mask.crop.box or here.view.window
        presence = PresenceHistory(usual_area=float(mask.crop.area))
        return cls(
            *(object_id, state, here.view, box, (0.0, 0.0), presence, mask, mask, (0, 0), results)
        )

    def conditioning_result(self, frame: int) -> ConditioningResult:
        """Return the result of a conditioning frame; KeyError if ``frame`` is none."""
        for item in self.conditioning:
            if item.result.frame == frame:
                return item
        raise KeyError(frame)

    def advance(self, frame: int, state: TrackState, crop: MaskCrop, score: float) -> Track:
        """Return the track after one more frame.

        Parameters
        ----------
        frame : int
            The frame.
        state : TrackState
            Memory after the frame.
        crop : MaskCrop
            The object's mask on the frame, perhaps empty.
        score : float
            Logit of the object being visible.
        """
        presence = self.presence.advance(crop.area, score)
        box = crop.box
        if box is None:
            damped = (self.motion[0] / 2, self.motion[1] / 2)
            return replace(self, state=state, presence=presence, motion=damped)
        elapsed = max(abs(frame - self.last.frame), 1)
        return replace(
            self,
            state=state,
            presence=presence,
            box=box,
            motion=_mean(self.motion, _velocity(self.box, box, elapsed)),
            last=FrameMask(frame, crop),
        )

    def lose(self, before: Track, *, ended: bool) -> Track:
        """Return the track if the object's mask of the last frame belongs to other objects.

        Parameters
        ----------
        before : Track
            The track before that frame; its last mask stays the last one.
        ended : bool
            Whether the track ends there.
        """
        presence = before.presence.end() if ended else before.presence.advance(0, 0.0)
        motion = (before.motion[0] / 2, before.motion[1] / 2)
        return replace(self, presence=presence, motion=motion, box=before.box, last=before.last)

    def to_state(self, serialize: Callable[[TrackState], bytes]) -> dict[str, Any]:
        """Return the track as numbers, lists, dictionaries and arrays; see :meth:`from_state`."""
        return {
            "object_id": self.object_id,
            "state": np.frombuffer(serialize(self.state), dtype=np.uint8),
            "view": _view_to_state(self.view),
            "box": astuple(self.box),
            "motion": self.motion,
            "presence": astuple(self.presence),
            "last": _mask_to_state(self.last),
            "anchor": _mask_to_state(self.anchor),
            "drift": self.drift,
            "conditioning": [_conditioning_to_state(item) for item in self.conditioning],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], deserialize: Callable[[bytes], TrackState]) -> Track:
        """Return the track from the value of :meth:`to_state`."""
        return cls(
            object_id=state["object_id"],
            state=deserialize(state["state"].tobytes()),
            view=_view_from_state(state["view"]),
            box=Window(*state["box"]),
            motion=(state["motion"][0], state["motion"][1]),
            presence=PresenceHistory(*state["presence"]),
            last=_mask_from_state(state["last"]),
            anchor=_mask_from_state(state["anchor"]),
            drift=(state["drift"][0], state["drift"][1]),
            conditioning=tuple(map(_conditioning_from_state, state["conditioning"])),
        )


def _velocity(before: Window, now: Window, elapsed: int) -> tuple[float, float]:
    dy = (now.y0 + now.y1 - before.y0 - before.y1) / 2
    dx = (now.x0 + now.x1 - before.x0 - before.x1) / 2
    return dy / elapsed, dx / elapsed


def _mean(old: tuple[float, float], new: tuple[float, float]) -> tuple[float, float]:
    return (old[0] + new[0]) / 2, (old[1] + new[1]) / 2


def _view_to_state(view: View) -> list[Any]:
    return [astuple(view.window), view.zoomed, view.factor]


def _view_from_state(state: list[Any]) -> View:
    return View(Window(*state[0]), state[1], state[2])


def _mask_to_state(mask: FrameMask) -> list[Any]:
    return [mask.frame, astuple(mask.crop.window), mask.crop.logits]


def _mask_from_state(state: list[Any]) -> FrameMask:
    return FrameMask(state[0], MaskCrop(Window(*state[1]), state[2]))


def _conditioning_to_state(item: ConditioningResult) -> dict[str, Any]:
    result = item.result
    return {
        "view": _view_to_state(item.view),
        "result": [result.object_id, result.frame, result.index],
        "mask": [astuple(result.crop.window), result.crop.logits],
        "scores": [result.predicted_iou, result.object_score],
    }


def _conditioning_from_state(state: dict[str, Any]) -> ConditioningResult:
    object_id, frame, index = state["result"]
    view = _view_from_state(state["view"])
    crop = MaskCrop(Window(*state["mask"][0]), state["mask"][1])
    shown = view.window if view.zoomed else None
    iou, score = state["scores"]
    result = FrameResult(
        object_id, frame, tuple(index), crop, iou, score, MaskOrigin.PROMPT, view=shown
    )
    return ConditioningResult(result, view)
