"""Evaluate a model on a labeled stack: prompt from the ground truth, propagate, compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, AUTO_MODEL
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.masks.label_image import place_notes
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.factory import open_session
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.workflows.evaluation.comparison import Comparison, GroundTruth
from napari_sam2.workflows.evaluation.ctc import TrackScores
from napari_sam2.workflows.evaluation.metrics import MaskMetrics, Summary, summarize
from napari_sam2.workflows.model_summary import model_summary
from napari_sam2.workflows.reporter import NullReporter

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_image import LabelSource
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.workflows.evaluation.comparison import Plane
    from napari_sam2.workflows.reporter import Reporter

_SPATIAL_AXES = frozenset("zyx")
_SETTINGS = SessionSettings()


class PromptFrame(Enum):
    """The frame on which each object is prompted."""

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
        A click in the pixel farthest from the outline, a box, or the ground truth mask.
    frame : PromptFrame
        ``FIRST`` prompts each object on its first frame, ``MIDDLE`` on the middle of its frames.
        ``AUTO`` is the middle along a spatial axis and the first along time. ``START`` prompts
        only the objects on the first frame of the stack.
    view : ViewPolicy
        Which windows of a plane the model is shown.
    exclusion : bool
        Whether tracked objects exclude each other, see :class:`napari_sam2.SessionSettings`.
    memory : MemoryPolicy
        Which frames are remembered while an object is tracked.
    tracks : bool
        Whether to compute SEG, TRA and identity switches.
    max_objects : int or None
        Maximum number of objects, spread evenly over all ids; None evaluates all.
    """

    prompt: LabelPromptKind = LabelPromptKind.CENTER
    frame: PromptFrame = PromptFrame.AUTO
    view: ViewPolicy = _SETTINGS.view
    exclusion: bool = _SETTINGS.exclusion
    memory: MemoryPolicy = _SETTINGS.memory
    tracks: bool = False
    max_objects: int | None = None

    def forward(self, stack: Stack) -> bool:
        """Return whether objects are tracked forward only, not in both directions."""
        if self.frame is PromptFrame.AUTO:
            return stack.along not in _SPATIAL_AXES
        return self.frame in (PromptFrame.FIRST, PromptFrame.START)

    def session(self) -> SessionSettings:
        """Return the settings of the session."""
        return SessionSettings(view=self.view, exclusion=self.exclusion, memory=self.memory)


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of the propagation.

    Parameters
    ----------
    seconds : float
        Wall-clock time, without loading the model.
    encodings : int
        Number of windows that were encoded.
    zoomed : float
        Share of objects and frames for which the model was shown a part of the plane.
    """

    seconds: float
    encodings: int
    zoomed: float


@dataclass(frozen=True)
class Evaluation:
    """Result of :func:`evaluate`.

    Parameters
    ----------
    rows : tuple of MaskMetrics
        One per object and frame, from the prompted frame on where objects are tracked forward.
    summary : Summary
        Means over objects.
    tracks : TrackScores or None
        Tracking scores; None if they were not asked for.
    cost : Cost
        Time and number of encodings.
    """

    rows: tuple[MaskMetrics, ...]
    summary: Summary
    tracks: TrackScores | None
    cost: Cost


def evaluate(
    images: Any,
    labels: LabelSource,
    model: Predictor | str | Path = AUTO_MODEL,
    settings: EvaluationSettings | None = None,
    *,
    axes: str | None = None,
    along: str | None = None,
    at: Mapping[str, int] | Iterable[str] | None = None,
    scene: str | int | None = None,
    device: str = AUTO_DEVICE,
    dtype: str = AUTO_DTYPE,
    input_size: int | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Prompt each object once, propagate, and compare with the ground truth.

    Parameters
    ----------
    images : array, path or URL
        The images, see :func:`napari_sam2.open_stack`.
    labels : array_like of int
        Ground truth: (frames, H, W), or the shape of the images without channels; 0 is
        background, other values are object ids.
    settings : EvaluationSettings or None
        Prompts, views and measures; None uses the defaults.
    model, axes, along, at, scene, device, dtype, input_size
        As in :func:`napari_sam2.open_session`.
    reporter : Reporter or None
        Receives the progress; None discards it.

    Returns
    -------
    Evaluation
        The prompted frames of an object count in its Dice and J&F only, not in its IoU.

    Raises
    ------
    UserError, SAM2Error
        If the shapes do not match, there is no object, or an option cannot be used.
    """
    chosen = settings or EvaluationSettings()
    places: dict[str, Any] = {"axes": axes, "along": along, "at": at, "scene": scene}
    loaded = dict[str, Any](model=model, device=device, dtype=dtype, input_size=input_size)
    stack = open_stack(images, **places)
    truth = _open_truth(stack, labels, reporter or NullReporter())
    forward = chosen.forward(stack)
    prompted = _prompt_frames(truth, chosen, first=forward)
    session = open_session(
        images,
        PromptStore(truth.prompts(prompted, chosen.prompt), axis=stack.along),
        **places,
        **loaded,
        settings=chosen.session(),
    )
    cost = _propagate(session, forward, reporter or NullReporter())
    comparison = Comparison(truth, _reader(session), prompted)
    rows = tuple(comparison.rows(forward=forward))
    tracks = comparison.tracks() if chosen.tracks else None
    return Evaluation(rows, summarize(rows, stack.n_frames), tracks, cost)


def _open_truth(stack: Stack, labels: LabelSource, reporter: Reporter) -> GroundTruth:
    for note in (*stack.notes, *place_notes(labels, stack)):
        reporter.message(note)
    return GroundTruth(stack, labels)


def _prompt_frames(
    truth: GroundTruth, chosen: EvaluationSettings, *, first: bool
) -> dict[int, int]:
    only_start = chosen.frame is PromptFrame.START
    return truth.prompt_frames(first=first, only_start=only_start, limit=chosen.max_objects)


def _propagate(session: SegmentationSession, forward: bool, reporter: Reporter) -> Cost:
    info = session.predictor.info
    for text in (model_summary(info), *info.notes):
        reporter.message(text)
    direction = PropagationDirection.FORWARD if forward else PropagationDirection.BOTH

    def report(done: int, total: int) -> None:
        reporter.progress("Segmenting", done, total)

    started = time.perf_counter()
    session.events.progress.connect(report)
    with reporter.running():
        zoomed = [
            result.view is not None
            for result in session.propagate(PropagationRequest(direction=direction))
        ]
    seconds = time.perf_counter() - started
    return Cost(seconds, session.encodings, sum(zoomed) / max(len(zoomed), 1))


def _reader(session: SegmentationSession) -> Callable[[int], Plane]:
    labels = session.labels
    if labels is None:
        raise AssertionError("open_session always creates labels")

    def plane(frame: int) -> Plane:
        found: Plane = labels.read(session.stack.index(frame))
        return found

    return plane
