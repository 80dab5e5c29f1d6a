"""Prompt a labelled stack from its own truth, propagate, and compare."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.view_placement import ViewSizing
from napari_sam2.masks.label_image import plane_reader
from napari_sam2.prompts.from_labels import LabelPromptKind, prompts_from_labels
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.workflows.evaluation.ctc import TrackScores, track_scores
from napari_sam2.workflows.evaluation.metrics import MaskMetrics, Summary, compare, summarise
from napari_sam2.workflows.segment import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.label_image import LabelSource
    from napari_sam2.prompts.types import Prompt
    from napari_sam2.session.session import SegmentationSession

Plane = NDArray[np.integer]
_SPACE = frozenset("zyx")


class PromptFrame(Enum):
    """Where each object is prompted."""

    AUTO = "auto"
    FIRST = "first"
    MIDDLE = "middle"
    START = "start"


@dataclass(frozen=True)
class EvaluationSettings:
    """How a model is evaluated.

    Parameters
    ----------
    prompt : LabelPromptKind
        A click in the deepest pixel, a box, or the true mask.
    frame : PromptFrame
        The frame on which an object is first seen, or the middle of those on which it is seen;
        ``AUTO`` takes the middle along an axis of space and the first along time. ``START``
        takes the objects of the stack's first frame only.
    view : ViewPolicy
        What the model sees.
    view_sizes : ViewSizing
        How close it looks.
    tracks : bool
        Whether SEG, TRA and identity switches are wanted.
    max_objects : int or None
        Take so many objects at most, spread over all.
    """

    prompt: LabelPromptKind = LabelPromptKind.CENTER
    frame: PromptFrame = PromptFrame.AUTO
    view: ViewPolicy = field(default_factory=ViewPolicy)
    view_sizes: ViewSizing = field(default_factory=ViewSizing)
    tracks: bool = False
    max_objects: int | None = None

    def forward(self, stack: Stack) -> bool:
        """Whether objects are followed forward from their first frame, not both ways."""
        if self.frame is PromptFrame.AUTO:
            return stack.along not in _SPACE
        return self.frame in (PromptFrame.FIRST, PromptFrame.START)

    def session(self) -> SessionSettings:
        """Return what the session is run with."""
        return SessionSettings(view=self.view, view_sizes=self.view_sizes)


@dataclass(frozen=True, slots=True)
class Cost:
    """What following the objects took.

    Parameters
    ----------
    seconds : float
        By the clock, loading of the model not counted.
    encodings : int
        Windows that the image encoder saw.
    zoomed : float
        Share of object-frames that were seen in a window of the plane.
    """

    seconds: float
    encodings: int
    zoomed: float


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Parameters
    ----------
    rows : tuple of MaskMetrics
        One per object and frame on which it is, or was said to be.
    summary : Summary
        Means.
    tracks : TrackScores or None
        Where wanted.
    cost : Cost
        Time and encodings.
    """

    rows: tuple[MaskMetrics, ...]
    summary: Summary
    tracks: TrackScores | None
    cost: Cost


def evaluate(
    images: Any,
    labels: LabelSource,
    model: Predictor | str | Path = "auto",
    settings: EvaluationSettings | None = None,
    *,
    axes: str | None = None,
    along: str | None = None,
    at: dict[str, int] | None = None,
    device: str = "auto",
) -> Evaluation:
    """Prompt each object once, follow it through the stack, and compare with the truth.

    Parameters
    ----------
    images : array, path or URL
        See :func:`napari_sam2.images.stack.open_stack`.
    labels : array_like
        Whole numbers, (frames, H, W) or the input's shape without channels; 0 is background.
    model : Predictor, str or Path
        As :func:`napari_sam2.workflows.segment.open_session` takes it.
    settings : EvaluationSettings or None
        Prompts and views.
    axes, along, at, device
        As in :func:`napari_sam2.workflows.segment.open_session`.

    Returns
    -------
    Evaluation
        Frames on which an object was prompted count in its Dice and J&F only.

    Raises
    ------
    UserError
        If shapes do not match or there is no object.
    """
    chosen = settings or EvaluationSettings()
    stack = open_stack(images, axes=axes, along=along, at=at)
    truth = _Truth(stack, labels)
    forward = chosen.forward(stack)
    places = truth.prompt_frames(chosen, first=forward)
    session = open_session(
        images,
        PromptStore(truth.prompts(places, chosen.prompt), axis=stack.along),
        axes=axes,
        along=along,
        at=at,
        model=model,
        device=device,
        settings=chosen.session(),
    )
    cost = _follow(session, PropagationDirection.FORWARD if forward else PropagationDirection.BOTH)
    if session.labels is None:
        raise AssertionError("open_session always makes labels")
    outcome = _Outcome(truth, session.labels, places)
    rows = tuple(outcome.rows(forward=forward))
    tracks = outcome.tracks() if chosen.tracks else None
    return Evaluation(rows, summarise(rows, stack.n_frames), tracks, cost)


def _follow(session: SegmentationSession, way: PropagationDirection) -> Cost:
    began = time.perf_counter()
    zoomed = [
        result.view is not None for result in session.propagate(PropagationRequest(direction=way))
    ]
    seconds = time.perf_counter() - began
    return Cost(seconds, session.encodings, sum(zoomed) / max(len(zoomed), 1))


@dataclass(frozen=True)
class _Truth:
    """The true labels, plane by plane."""

    stack: Stack
    labels: LabelSource

    def plane(self, frame: int) -> Plane:
        plane: Plane = plane_reader(self.labels, self.stack, frame)(Window.of(self.stack.shape))
        return plane

    def prompt_frames(self, chosen: EvaluationSettings, *, first: bool) -> dict[int, int]:
        """Return the frame on which each object is prompted."""
        seen: dict[int, list[int]] = {}
        only_start = chosen.frame is PromptFrame.START
        for frame in range(1 if only_start else self.stack.n_frames):
            for label in np.unique(self.plane(frame)).tolist():
                if label:
                    seen.setdefault(label, []).append(frame)
        if not seen:
            where = "on the first frame" if only_start else "throughout"
            raise UserError(f"The labels are 0 {where}: there is no object to evaluate.")
        ids, limit = sorted(seen), chosen.max_objects
        if limit is not None and limit < len(ids):
            ids = [ids[i] for i in np.linspace(0, len(ids) - 1, limit).round().astype(int)]
        return {i: seen[i][0] if first else seen[i][len(seen[i]) // 2] for i in ids}

    def prompts(self, places: dict[int, int], kind: LabelPromptKind) -> Iterator[Prompt]:
        for frame in sorted(set(places.values())):
            plane = self.plane(frame)
            here = [label for label, at in places.items() if at == frame]
            chosen = np.where(np.isin(plane, here), plane, 0)
            yield from prompts_from_labels(chosen, self.stack, kind, frame)


@dataclass(frozen=True)
class _Outcome:
    """The truth beside what came of the prompts."""

    truth: _Truth
    predicted: LabelArray
    places: dict[int, int]

    def rows(self, *, forward: bool) -> Iterator[MaskMetrics]:
        """Compare each object on each frame; with ``forward``, from its prompt on."""
        planes = {frame: self.truth.plane(frame) for frame in set(self.places.values())}
        for frame in range(self.truth.stack.n_frames):
            true, predicted = self.truth.plane(frame), self._plane(frame)
            for label, place in self.places.items():
                if not (forward and frame < place):
                    first = planes[place] == label
                    masks = (true == label, predicted == label, first)
                    yield compare(label, frame, *masks, prompted=frame == place)

    def tracks(self) -> TrackScores:
        """Score the chosen objects' identities."""
        frames = range(self.truth.stack.n_frames)
        ids = list(self.places)
        true = (np.where(np.isin(p, ids), p, 0) for p in map(self.truth.plane, frames))
        return track_scores(true, map(self._plane, frames))

    def _plane(self, frame: int) -> Plane:
        plane: Plane = self.predicted.read(self.truth.stack.index(frame))
        return plane
