"""Ground truth labels, and their comparison with predicted labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import Stack
from napari_sam2.masks.label_image import check_all_frames, plane_reader
from napari_sam2.prompts.from_labels import LabelPromptKind, prompts_from_labels
from napari_sam2.workflows.evaluation.ctc import TrackScores, track_scores
from napari_sam2.workflows.evaluation.metrics import MaskMetrics, compare

if TYPE_CHECKING:
    from napari_sam2.masks.label_image import LabelSource
    from napari_sam2.prompts.types import Prompt

Plane = NDArray[np.integer]


@dataclass(frozen=True)
class GroundTruth:
    """The ground truth labels, read plane by plane.

    Parameters
    ----------
    stack : Stack
        The stack that the labels belong to.
    labels : LabelSource
        The labels, see :func:`napari_sam2.masks.label_image.plane_reader`.

    Raises
    ------
    UserError
        If the labels do not fit, or are one plane of a stack of several frames.
    """

    stack: Stack
    labels: LabelSource

    def __post_init__(self) -> None:
        check_all_frames(self.labels, self.stack)

    def plane(self, frame: int) -> Plane:
        """Return the labels (H, W) of a frame."""
        plane: Plane = plane_reader(self.labels, self.stack, frame)(Window.of(self.stack.shape))
        return plane

    def prompt_frames(
        self, *, first: bool, only_start: bool = False, limit: int | None = None
    ) -> dict[int, int]:
        """Return the frame on which each object is prompted.

        Parameters
        ----------
        first : bool
            Whether it is the first frame of the object, not the middle one.
        only_start : bool
            Whether only the objects on the first frame of the stack are prompted.
        limit : int or None
            Maximum number of objects, spread evenly over all ids; None prompts all.
        """
        present: dict[int, list[int]] = {}
        for frame in range(1 if only_start else self.stack.n_frames):
            for label in np.unique(self.plane(frame)).tolist():
                if label:
                    present.setdefault(label, []).append(frame)
        if not present:
            where = "on the first frame" if only_start else "on all frames"
            raise UserError(
                f"The labels are 0 {where}, so there is no object to evaluate. Give other labels."
            )
        ids = sorted(present)
        if limit is not None and limit < len(ids):
            ids = [ids[i] for i in np.linspace(0, len(ids) - 1, limit).round().astype(int)]
        return {i: present[i][0] if first else present[i][len(present[i]) // 2] for i in ids}

    def prompts(self, prompted: dict[int, int], kind: LabelPromptKind) -> Iterator[Prompt]:
        """Yield a prompt for each object, given its prompted frame."""
        for frame in sorted(set(prompted.values())):
            plane = self.plane(frame)
            ids = [label for label, at in prompted.items() if at == frame]
            chosen = np.where(np.isin(plane, ids), plane, 0)
            yield from prompts_from_labels(chosen, self.stack, kind, frame)


@dataclass(frozen=True)
class Comparison:
    """The ground truth and the predicted labels, with the prompted frame of each object.

    Parameters
    ----------
    truth : GroundTruth
        The ground truth.
    predicted : callable
        Returns the predicted labels (H, W) of a frame, with the ids of the ground truth.
    prompted : dict
        The prompted frame of each object; other objects are not compared.
    """

    truth: GroundTruth
    predicted: Callable[[int], Plane]
    prompted: dict[int, int]

    def rows(self, *, forward: bool) -> Iterator[MaskMetrics]:
        """Yield the metrics of each object on each frame, or only from its prompted frame on."""
        planes = {frame: self.truth.plane(frame) for frame in set(self.prompted.values())}
        for frame in range(self.truth.stack.n_frames):
            true, predicted = self.truth.plane(frame), self.predicted(frame)
            for label, prompted in self.prompted.items():
                if not (forward and frame < prompted):
                    first = planes[prompted] == label
                    masks = (true == label, predicted == label, first)
                    yield compare(label, frame, *masks, prompted=frame == prompted)

    def tracks(self) -> TrackScores:
        """Return the tracking scores of the evaluated objects."""
        frames = range(self.truth.stack.n_frames)
        ids = list(self.prompted)
        true = (np.where(np.isin(p, ids), p, 0) for p in map(self.truth.plane, frames))
        return track_scores(true, map(self.predicted, frames))
