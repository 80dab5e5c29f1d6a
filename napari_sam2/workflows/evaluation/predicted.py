"""Scores of the labels that any program has made, by the measures of :func:`evaluate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_image import place_notes
from napari_sam2.workflows.evaluation.comparison import Comparison, GroundTruth
from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings, PromptFrame
from napari_sam2.workflows.evaluation.metrics import MaskMetrics, Summary, summarize
from napari_sam2.workflows.reporter import NullReporter

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.label_image import LabelImage
    from napari_sam2.workflows.evaluation.comparison import Plane
    from napari_sam2.workflows.evaluation.ctc import TrackScores
    from napari_sam2.workflows.reporter import Reporter

_FOUND = 0.5
"""An object counts as found on a frame if its IoU is above this."""


@dataclass(frozen=True)
class PredictionScores:
    """Result of :func:`score_labels`.

    Parameters
    ----------
    rows : tuple of MaskMetrics
        One per object of the ground truth and frame.
    summary : Summary
        Means over objects.
    tracks : TrackScores or None
        Tracking scores of all labels; None if they were not asked for.
    precision : float
        Average precision at an IoU of 0.5: found objects by the sum of found, missed and
        additional ones, mean over the frames that have objects (Stringer et al. 2021).
    matches : dict
        The predicted label of each object of the ground truth that has one.
    additional : int
        Number of predicted objects that match no object of the ground truth.
    """

    rows: tuple[MaskMetrics, ...]
    summary: Summary
    tracks: TrackScores | None
    precision: float
    matches: dict[int, int]
    additional: int


def score_labels(
    truth: LabelImage,
    predicted: LabelImage,
    settings: EvaluationSettings | None = None,
    *,
    along: str | None = None,
    at: Mapping[str, int] | Iterable[str] | None = None,
    reporter: Reporter | None = None,
) -> PredictionScores:
    """Compare predicted labels with the ground truth, whichever program has made them.

    Label values need not agree: objects are matched one to one over the whole stack, so that the
    sum of their IoUs is the highest.

    Parameters
    ----------
    truth, predicted : LabelImage
        Labels of one shape, see :func:`napari_sam2.masks.label_image.open_label_image`.
    settings : EvaluationSettings or None
        ``frame`` and ``tracks`` are used, so that the same frames of an object count as when a
        model is evaluated; None uses the defaults.
    along : str or None
        Axis of the frames, e.g. ``"t"``; None as in :func:`napari_sam2.open_stack`.
    at : mapping of str to int, or strings such as ``"z=3"``
        Positions on other axes; 0 where not given.
    reporter : Reporter or None
        Receives notes about the axes; None discards them.

    Raises
    ------
    UserError
        If the shapes differ, or the ground truth has no object.
    """
    chosen = settings or EvaluationSettings()
    if chosen.max_objects is not None:
        raise UserError("Labels are compared as a whole. Leave out the maximum number of objects.")
    stack = _open_truth(truth, along, at)
    placed = place_notes(predicted, stack, names=("prediction", "ground truth"))
    notes = (*truth.notes, *stack.notes, *predicted.notes, *placed)
    for note in notes:
        (reporter or NullReporter()).message(note)
    reference, other = GroundTruth(stack, truth), GroundTruth(stack, predicted)
    overlaps = _Overlaps()
    for frame in range(stack.n_frames):
        overlaps.add(reference.plane(frame), other.plane(frame))
    matches = overlaps.matches()
    forward = chosen.forward(stack)
    prompted = reference.prompt_frames(first=forward, only_start=chosen.frame is PromptFrame.START)
    names = {label: match for match, label in matches.items()}
    comparison = Comparison(reference, lambda frame: _renamed(other.plane(frame), names), prompted)
    rows = tuple(comparison.rows(forward=forward))
    tracks = Comparison(reference, other.plane, prompted).tracks() if chosen.tracks else None
    additional = len(overlaps.predicted) - len(matches)
    return PredictionScores(
        rows, summarize(rows, stack.n_frames), tracks, overlaps.precision, matches, additional
    )


def _open_truth(
    truth: LabelImage, along: str | None, at: Mapping[str, int] | Iterable[str] | None
) -> Stack:
    """Return the ground truth as a stack, with the orientation that its file states."""
    axes = truth.axes
    known = None if axes and "?" in axes else axes
    stack = open_stack(truth.array, axes=known, along=along, at=at)
    calibration = replace(stack.calibration, affine=truth.affine)
    return replace(stack, source=replace(stack.source, calibration=calibration))


def _renamed(plane: Plane, names: dict[int, int]) -> Plane:
    """Return a plane with other label values; 0 for labels without a new value."""
    values, inverse = np.unique(plane, return_inverse=True)
    # Of the type of the ground truth, whose values may exceed those of signed integers.
    new = np.array([names.get(int(value), 0) for value in values], np.uint64)
    renamed: Plane = new[inverse.reshape(plane.shape)]
    return renamed


@dataclass
class _Overlaps:
    """Numbers of pixels of all labels and of the pairs that overlap, summed over frames."""

    truth: Counter[int] = field(default_factory=Counter)
    predicted: Counter[int] = field(default_factory=Counter)
    shared: Counter[tuple[int, int]] = field(default_factory=Counter)
    _precisions: list[float] = field(default_factory=list)

    def add(self, truth: Plane, predicted: Plane) -> None:
        """Add the labels (H, W) of a frame."""
        frame = _Overlaps()
        for label, other, count in _pairs(truth, predicted):
            frame.truth[label] += count
            frame.predicted[other] += count
            frame.shared[label, other] += count
        frame.drop_background()
        if frame.truth or frame.predicted:
            found = sum(frame.iou(*pair) > _FOUND for pair in frame.shared)
            everything = len(frame.truth) + len(frame.predicted) - found
            self._precisions.append(found / everything)
        self.truth += frame.truth
        self.predicted += frame.predicted
        self.shared += frame.shared

    def drop_background(self) -> None:
        """Remove the pixels without label."""
        self.truth.pop(0, None)
        self.predicted.pop(0, None)
        self.shared = Counter({pair: count for pair, count in self.shared.items() if all(pair)})

    @property
    def precision(self) -> float:
        """Average precision, see :class:`PredictionScores`."""
        return float(np.mean(self._precisions)) if self._precisions else float("nan")

    def iou(self, truth: int, predicted: int) -> float:
        """Return the intersection over union of two labels."""
        shared = self.shared[truth, predicted]
        return shared / (self.truth[truth] + self.predicted[predicted] - shared)

    def matches(self) -> dict[int, int]:
        """Return the predicted label of each label of the ground truth that overlaps one.

        The assignment is solved in each group of labels that overlap, so that the matrices stay
        small.
        """
        rows, columns = list(self.truth), list(self.predicted)
        row_of = {label: number for number, label in enumerate(rows)}
        column_of = {label: number for number, label in enumerate(columns)}
        pairs = [(row_of[a], column_of[b]) for a, b in self.shared]
        found: dict[int, int] = {}
        for near, far in _groups(pairs, len(rows), len(columns)):
            weights = np.array([[self.iou(rows[a], columns[b]) for b in far] for a in near])
            for a, b in zip(*linear_sum_assignment(weights, maximize=True), strict=True):
                if weights[a, b] > 0:
                    found[rows[near[a]]] = columns[far[b]]
        return found


def _pairs(truth: Plane, predicted: Plane) -> Iterator[tuple[int, int, int]]:
    """Yield each pair of values (0 included) that share pixels, with the number of pixels."""
    true_values, true_inverse = np.unique(truth, return_inverse=True)
    values, inverse = np.unique(predicted, return_inverse=True)
    codes, counts = np.unique(
        true_inverse.ravel() * len(values) + inverse.ravel(), return_counts=True
    )
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        row, column = divmod(code, len(values))
        yield int(true_values[row]), int(values[column]), count


def _groups(
    pairs: list[tuple[int, int]], n_rows: int, n_columns: int
) -> list[tuple[list[int], list[int]]]:
    """Return the rows and columns of each connected group that has a pair."""
    if not pairs:
        return []
    rows, columns = np.array(pairs).T
    size = n_rows + n_columns
    graph = coo_array((np.ones(len(rows)), (rows, columns + n_rows)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    found: dict[int, tuple[list[int], list[int]]] = {}
    for node in np.unique(np.concatenate((rows, columns + n_rows))).tolist():
        near, far = found.setdefault(int(group[node]), ([], []))
        if node < n_rows:
            near.append(node)
        else:
            far.append(node - n_rows)
    return list(found.values())
