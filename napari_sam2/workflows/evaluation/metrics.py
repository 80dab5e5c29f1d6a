"""Metrics of predicted masks: region, boundary and volume."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Mask = NDArray[np.bool_]
Pixels = NDArray[np.intp]

_BOUNDARY_TOLERANCE = 0.008
"""Tolerance of contours as a share of the image diagonal (Perazzi et al. 2016)."""


@dataclass(frozen=True, slots=True)
class MaskMetrics:
    """Metrics of one object on one frame.

    Parameters
    ----------
    object_id, frame : int
        Object id and frame.
    prompted : bool
        Whether the object was prompted on this frame.
    truth, predicted, shared : int
        Number of pixels of the ground truth mask, of the predicted mask, and of their
        intersection.
    boundary : float
        F-measure of the two contours, see :func:`boundary_f`.
    copied : float
        IoU of the ground truth on the prompted frame with the ground truth on this frame.
    first : int
        Number of pixels of the ground truth mask on the prompted frame.
    """

    object_id: int
    frame: int
    prompted: bool
    truth: int
    predicted: int
    shared: int
    boundary: float
    copied: float
    first: int = 0

    @property
    def copied_shared(self) -> float:
        """Number of pixels shared by the ground truth masks of this and the prompted frame."""
        return self.copied * (self.first + self.truth) / (1 + self.copied)

    @property
    def iou(self) -> float:
        """Intersection over union; 1 if both masks are empty."""
        union = self.truth + self.predicted - self.shared
        return self.shared / union if union else 1.0


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over objects; nan if there is nothing to average.

    Parameters
    ----------
    iou : float
        Mean IoU over objects and frames with a ground truth mask, without prompted frames.
    copied : float
        The same for the ground truth of the prompted frame, copied to all frames.
    region, boundary, region_and_boundary : float
        J, F and their mean as defined by DAVIS 2017 (Pont-Tuset et al. 2017): mean over all
        frames of an object but the first and the last of the stack, then over objects.
    dice : float
        Mean Dice of whole objects over all frames, including frames without ground truth.
    absent_empty : float
        Share of objects and frames without a ground truth mask whose prediction is empty.
    overrun : int
        Number of objects and frames without a ground truth mask whose prediction is not empty.
    copied_dice : float
        Mean Dice of the ground truth of the prompted frame, copied to all frames with a ground
        truth mask. This is the baseline for an object of known extent.
    """

    iou: float
    copied: float
    region: float
    boundary: float
    region_and_boundary: float
    dice: float
    absent_empty: float
    overrun: int
    copied_dice: float


def compare(
    object_id: int, frame: int, truth: Mask, predicted: Mask, first: Mask, *, prompted: bool
) -> MaskMetrics:
    """Return the metrics of one object on one frame.

    Parameters
    ----------
    object_id, frame : int
        Object id and frame.
    truth, predicted, first : ndarray of bool
        (H, W): ground truth and prediction on this frame, and ground truth on the prompted frame.
    prompted : bool
        Whether the object was prompted on this frame.
    """
    union = np.count_nonzero(first | truth)
    return MaskMetrics(
        object_id,
        frame,
        prompted,
        int(np.count_nonzero(truth)),
        int(np.count_nonzero(predicted)),
        int(np.count_nonzero(truth & predicted)),
        boundary_f(truth, predicted),
        np.count_nonzero(first & truth) / union if union else 1.0,
        int(np.count_nonzero(first)),
    )


def boundary_f(truth: Mask, predicted: Mask) -> float:
    """Return the F-measure of two contours, with a tolerance of 0.8 % of the diagonal.

    Source: Perazzi et al. 2016, section 4. As in the official evaluation, F is 1 if neither mask
    has a contour, i.e. each is empty or covers the whole plane.

    Parameters
    ----------
    truth, predicted : ndarray of bool
        Masks (H, W).
    """
    near, far = np.argwhere(contour(truth)), np.argwhere(contour(predicted))
    if not len(near) or not len(far):
        return float(len(near) == len(far))
    radius = float(np.ceil(_BOUNDARY_TOLERANCE * np.hypot(*truth.shape)))
    precision, recall = _within(radius, far, near), _within(radius, near, far)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def contour(mask: Mask) -> Mask:
    """Return the pixels (H, W) that differ from a neighbor to the right, below or diagonally."""
    edge = np.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


def summarize(rows: Sequence[MaskMetrics], n_frames: int) -> Summary:
    """Return the means over frames and objects.

    Parameters
    ----------
    rows : sequence of MaskMetrics
        Metrics of all objects on all frames.
    n_frames : int
        Number of frames of the stack.
    """
    later = [row for row in rows if not row.prompted]
    present = [row for row in later if row.truth]
    inner = [row for row in rows if 0 < row.frame < n_frames - 1]
    region = _by_object(inner, lambda group: _mean(row.iou for row in group))
    boundary = _by_object(inner, lambda group: _mean(row.boundary for row in group))
    return Summary(
        iou=_mean(row.iou for row in present),
        copied=_mean(row.copied for row in present),
        region=region,
        boundary=boundary,
        region_and_boundary=(region + boundary) / 2,
        dice=_by_object(rows, _dice),
        absent_empty=_mean(float(row.predicted == 0) for row in later if not row.truth),
        overrun=sum(row.predicted > 0 for row in later if not row.truth),
        copied_dice=_by_object([row for row in rows if row.truth], _copied_dice),
    )


def write_csv(rows: Iterable[MaskMetrics], path: Path) -> None:
    """Write one row per object and frame, with the columns of :class:`MaskMetrics` and the IoU."""
    names = [field.name for field in fields(MaskMetrics)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "iou"])
        writer.writerows([*(getattr(r, name) for name in names), round(r.iou, 6)] for r in rows)


def _dice(rows: Sequence[MaskMetrics]) -> float:
    size = sum(row.truth + row.predicted for row in rows)
    return 2 * sum(row.shared for row in rows) / size if size else float("nan")


def _copied_dice(rows: Sequence[MaskMetrics]) -> float:
    size = sum(row.truth + row.first for row in rows)
    return 2 * sum(row.copied_shared for row in rows) / size if size else float("nan")


def _by_object(
    rows: Iterable[MaskMetrics], measure: Callable[[Sequence[MaskMetrics]], float]
) -> float:
    groups: dict[int, list[MaskMetrics]] = defaultdict(list)
    for row in rows:
        groups[row.object_id].append(row)
    return _mean(measure(group) for group in groups.values())


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")


def _within(radius: float, pixels: Pixels, others: Pixels) -> float:
    """Return the share of pixels within a radius of any of the other pixels."""
    distances, _ = KDTree(others).query(pixels, distance_upper_bound=radius + 0.5)
    return float(np.mean(distances <= radius))
