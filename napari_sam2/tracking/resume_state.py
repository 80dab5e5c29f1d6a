"""The state of a run as bytes, so that it goes on after a power cut as if nothing had happened."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.images.view import View
from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.prompts.plane_prompts import MaskCrop
from napari_sam2.tracking.termination import ObjectContrast, PresenceHistory
from napari_sam2.tracking.track import ConditioningResult, FrameMask


@dataclass(frozen=True, slots=True)
class SavedTrack:
    """A track whose state has become bytes; fields as in Track."""

    object_id: int
    state: bytes
    view: View
    box: Window
    motion: tuple[float, float]
    presence: PresenceHistory
    last: FrameMask
    anchor: FrameMask
    drift: tuple[int, int]
    answers: tuple[ConditioningResult, ...]


@dataclass(frozen=True, slots=True)
class ResumeState:
    """Where a run stands.

    Parameters
    ----------
    run_id : str
        Which run.
    sweep : int
        Number of the sweep in its plan.
    done : int
        How many of the sweep's frames are done.
    tracks : tuple of SavedTrack
        The tracks under way.
    """

    run_id: str
    sweep: int
    done: int
    tracks: tuple[SavedTrack, ...]


def pack(checkpoint: ResumeState) -> bytes:
    """Serialise a checkpoint as a NumPy archive; nothing in it can run code."""
    arrays = _Arrays()
    header = {
        "run_id": checkpoint.run_id,
        "sweep": checkpoint.sweep,
        "done": checkpoint.done,
        "tracks": [_track_out(track, arrays) for track in checkpoint.tracks],
    }
    named: dict[str, Any] = {f"a{i}": array for i, array in enumerate(arrays.items)}
    named["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    buffer = BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def unpack(data: bytes, run_id: str) -> ResumeState | None:
    """Undo :func:`pack`, or return None if it is of another run, whose tracks are not read.

    Another version of this program may have kept other things of them.
    """
    with np.load(BytesIO(data), allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes())
        if header["run_id"] != run_id:
            return None
        tracks = tuple(_track_in(item, archive) for item in header["tracks"])
    return ResumeState(run_id, header["sweep"], header["done"], tracks)


class _Arrays:
    """Collects arrays and gives each its number."""

    def __init__(self) -> None:
        self.items: list[NDArray[Any]] = []

    def add(self, array: NDArray[Any]) -> int:
        self.items.append(array)
        return len(self.items) - 1


def _window_out(window: Window) -> list[int]:
    return [window.y0, window.x0, window.y1, window.x1]


def _view_out(view: View) -> list[Any]:
    return [_window_out(view.window), view.zoomed, view.factor]


def _view_in(item: list[Any]) -> View:
    return View(Window(*item[0]), item[1], item[2])


def _seen_out(seen: FrameMask, arrays: _Arrays) -> list[Any]:
    return [seen.frame, _window_out(seen.patch.window), arrays.add(seen.patch.logits)]


def _seen_in(item: list[Any], archive: Any) -> FrameMask:
    return FrameMask(item[0], MaskCrop(Window(*item[1]), archive[f"a{item[2]}"]))


def _answer_out(answer: ConditioningResult, arrays: _Arrays) -> dict[str, Any]:
    result = answer.result
    return {
        "view": _view_out(answer.view),
        "result": [result.object_id, result.frame, list(result.index)],
        "mask": [_window_out(result.window), arrays.add(result.logits)],
        "scores": [result.predicted_iou, result.object_score],
    }


def _answer_in(item: dict[str, Any], archive: Any) -> ConditioningResult:
    object_id, frame, index = item["result"]
    window, number = item["mask"]
    view = _view_in(item["view"])
    result = FrameResult(
        object_id=object_id,
        frame=frame,
        index=tuple(index),
        window=Window(*window),
        logits=archive[f"a{number}"],
        predicted_iou=item["scores"][0],
        object_score=item["scores"][1],
        direction=MaskOrigin.PROMPT,
        view=str(view),
    )
    return ConditioningResult(result, view)


def _presence_out(presence: PresenceHistory) -> list[Any]:
    clearest = presence.clearest
    return [
        presence.usual_area,
        presence.gone,
        clearest and astuple(clearest),
        presence.faintest,
    ]


def _presence_in(item: list[Any]) -> PresenceHistory:
    area, gone, clearest, faintest = item
    return PresenceHistory(area, gone, ObjectContrast(*clearest) if clearest else None, faintest)


def _track_out(track: SavedTrack, arrays: _Arrays) -> dict[str, Any]:
    return {
        "object_id": track.object_id,
        "state": arrays.add(np.frombuffer(track.state, dtype=np.uint8)),
        "view": _view_out(track.view),
        "box": _window_out(track.box),
        "motion": list(track.motion),
        "presence": _presence_out(track.presence),
        "last": _seen_out(track.last, arrays),
        "anchor": _seen_out(track.anchor, arrays),
        "drift": list(track.drift),
        "answers": [_answer_out(answer, arrays) for answer in track.answers],
    }


def _track_in(item: dict[str, Any], archive: Any) -> SavedTrack:
    return SavedTrack(
        object_id=item["object_id"],
        state=archive[f"a{item['state']}"].tobytes(),
        view=_view_in(item["view"]),
        box=Window(*item["box"]),
        motion=(item["motion"][0], item["motion"][1]),
        presence=_presence_in(item["presence"]),
        last=_seen_in(item["last"], archive),
        anchor=_seen_in(item["anchor"], archive),
        drift=(item["drift"][0], item["drift"][1]),
        answers=tuple(_answer_in(answer, archive) for answer in item["answers"]),
    )
