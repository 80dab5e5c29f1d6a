"""Track the objects of DAVIS 2017 sequences and compute J and F as published."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewMode, ViewPolicy
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.prompts.from_labels import prompts_from_labels
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.factory import open_session
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.workflows.evaluation.davis_data import VOID
from napari_sam2.workflows.evaluation.metrics import compare, summarize

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.workflows.evaluation.davis_data import DavisSequence, Predictions

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """Scores of one object of one sequence.

    Parameters
    ----------
    sequence : str
        Name of the sequence.
    object_id : int
        Value of the object in the annotations.
    region, boundary : float
        J and F in 0..1: means over all frames but the first and the last.
    """

    sequence: str
    object_id: int
    region: float
    boundary: float

    @property
    def region_and_boundary(self) -> float:
        """Mean of J and F."""
        return (self.region + self.boundary) / 2


@dataclass(frozen=True)
class DavisScores:
    """Scores of sequences, and their means over objects, as defined by DAVIS 2017.

    Parameters
    ----------
    objects : tuple of ObjectScore
        By sequence, then object id.
    """

    objects: tuple[ObjectScore, ...]

    @property
    def region(self) -> float:
        """Mean J in 0..1; nan if there is no object."""
        return _mean(score.region for score in self.objects)

    @property
    def boundary(self) -> float:
        """Mean F in 0..1; nan if there is no object."""
        return _mean(score.boundary for score in self.objects)

    @property
    def region_and_boundary(self) -> float:
        """Mean of J and F."""
        return (self.region + self.boundary) / 2

    def write_csv(self, path: Path) -> None:
        """Write one row per object; an existing file is replaced atomically."""
        with (
            atomic_write(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as f,
        ):
            writer = csv.writer(f)
            writer.writerow(["sequence", "object_id", "J", "F", "J&F"])
            for s in self.objects:
                values = (s.region, s.boundary, s.region_and_boundary)
                writer.writerow([s.sequence, s.object_id, *(f"{value:.6f}" for value in values)])


def evaluate_davis(
    sequences: Iterable[DavisSequence],
    model: Predictor,
    predictions: Predictions | None = None,
    progress: Callable[[DavisSequence, int], object] | None = None,
) -> Iterator[DavisScores]:
    """Track the objects of each sequence and score them.

    Parameters
    ----------
    sequences : iterable of DavisSequence
        From :func:`napari_sam2.workflows.evaluation.davis_data.find_sequences`.
    model : Predictor
        From :func:`napari_sam2.inference.sam2_predictor.load_predictor`.
    predictions : Predictions or None
        Folder in which the labels of each finished sequence are stored. Sequences found there are
        scored without tracking them again. None stores nothing.
    progress : callable or None
        Called after each frame with the sequence and the number of its finished frames.

    Yields
    ------
    DavisScores
        After each sequence, the scores of all sequences so far.

    Raises
    ------
    StackReadError, OSError, UserError
        If an image is damaged or a prediction cannot be written; earlier predictions are kept.
    """
    scores: tuple[ObjectScore, ...] = ()
    for sequence in sequences:
        if predictions is not None and predictions.has(sequence):
            planes: Sequence[Plane] = predictions.read(sequence)
        else:
            planes = track_sequence(sequence, model, progress)
            if predictions is not None:
                predictions.write(sequence, planes)
        scores += score(sequence, planes)
        if progress is not None:
            progress(sequence, sequence.n_frames)
        yield DavisScores(scores)


def track_sequence(
    sequence: DavisSequence,
    model: Predictor,
    progress: Callable[[DavisSequence, int], object] | None = None,
) -> list[Plane]:
    """Prompt each object with its ground truth mask on the first frame and track it to the end.

    As in the evaluation of SAM 2, the model is shown whole frames, the memory is plain, and a pixel
    in several masks is assigned to the object with the highest logit.

    Parameters
    ----------
    sequence, model, progress
        As in :func:`evaluate_davis`.

    Returns
    -------
    list of ndarray of uint8
        Labels (H, W) of all frames, including the first.
    """
    first = sequence.truth(0)
    prompts = prompts_from_labels(
        np.where(first == VOID, 0, first), open_stack(sequence.frames, along="t")
    )
    session = open_session(
        sequence.frames,
        PromptStore(prompts, axis="t"),
        along="t",
        model=model,
        settings=SessionSettings(
            view=ViewPolicy(ViewMode.FULL), memory=MemoryPolicy.PLAIN, exclusion=False
        ),
    )
    planes = []
    results = session.propagate(PropagationRequest(direction=PropagationDirection.FORWARD))
    for frame, found in groupby(results, key=lambda result: result.frame):
        planes.append(_labels(found, sequence.shape))
        if progress is not None:
            progress(sequence, frame + 1)
    return planes


def score(sequence: DavisSequence, planes: Iterable[Plane]) -> tuple[ObjectScore, ...]:
    """Return J and F of predicted labels.

    Parameters
    ----------
    sequence : DavisSequence
        With its annotations, whose void pixels are ignored.
    planes : iterable of ndarray of uint8
        Predicted labels (H, W) of each frame.

    Returns
    -------
    tuple of ObjectScore
        One per object of the first frame, by object id.
    """
    first = sequence.truth(0)
    rows = []
    for frame, plane in enumerate(planes):
        truth = sequence.truth(frame)
        predicted = np.where(truth == VOID, 0, plane)
        for i in sequence.objects:
            masks = (truth == i, predicted == i, first == i)
            rows.append(compare(i, frame, *masks, prompted=frame == 0))
    means = {
        i: summarize([row for row in rows if row.object_id == i], sequence.n_frames)
        for i in sequence.objects
    }
    return tuple(ObjectScore(sequence.name, i, m.region, m.boundary) for i, m in means.items())


def _labels(results: Iterable[FrameResult], shape: tuple[int, int]) -> Plane:
    # The label image of the session uses rounded logits, which changes J by up to 0.001.
    labels, best = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    for result in results:
        where, logits = result.crop.window.slices, result.crop.logits
        wins = logits > best[where]
        best[where][wins] = logits[wins]
        labels[where][wins] = result.object_id
    return labels


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")
