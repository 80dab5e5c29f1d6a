"""How well a mask agrees with the truth: region, boundary, volume."""

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

_BOUNDARY_SHARE = 0.008


@dataclass(frozen=True, slots=True)
class MaskMetrics:
    """One object on one frame.

    Parameters
    ----------
    object_id, frame : int
        Which object, where.
    prompted : bool
        Whether this is the frame of the object's prompt.
    truth, predicted, shared : int
        Pixels of the true mask, of the predicted one, and of both.
    boundary : float
        F-measure of the two contours.
    copied : float
        IoU that the true mask of the prompted frame, copied here, would have.
    first : int
        Pixels of that mask.
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
        """Pixels that the copied mask shares with the truth."""
        return self.copied * (self.first + self.truth) / (1 + self.copied)

    @property
    def iou(self) -> float:
        """Intersection over union; 1 where both are empty."""
        union = self.truth + self.predicted - self.shared
        return self.shared / union if union else 1.0


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over objects; nan where there is nothing to average.

    Parameters
    ----------
    iou : float
        Over all object-frames that have a true mask, prompted frames left out.
    copied : float
        The same for copying the prompted frame's true mask.
    region, boundary, region_and_boundary : float
        J, F and their mean as DAVIS 2017 counts them: per object over all frames but the first
        and the last, then over objects (Pont-Tuset et al. 2017).
    dice : float
        Of whole volumes, frames into which an object was carried too far included.
    absent_empty : float
        Share of object-frames without a true mask that were left empty.
    overrun : int
        Object-frames without a true mask that were not.
    copied_dice : float
        Dice of copying the prompted frame's true mask onto all frames that have one: what the
        mask alone gives when the object's extent is known.
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
    """Measure one object on one frame.

    Parameters
    ----------
    object_id, frame : int
        Kept in the result.
    truth, predicted, first : ndarray of bool
        (H, W): the truth here, the prediction here, and the truth on the prompted frame.
    prompted : bool
        Kept in the result.
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
    """F-measure of contours that may lie 0.8 % of the diagonal apart.

    Source: Perazzi et al. 2016, section 4. As in the official evaluation, F is 1 where
    neither mask has a contour: empty, or the whole plane.

    Parameters
    ----------
    truth, predicted : ndarray of bool
        (H, W).
    """
    near, far = np.argwhere(contour(truth)), np.argwhere(contour(predicted))
    if not len(near) or not len(far):
        return float(len(near) == len(far))
    radius = float(np.ceil(_BOUNDARY_SHARE * np.hypot(*truth.shape)))
    precision, recall = _within(radius, far, near), _within(radius, near, far)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def contour(mask: Mask) -> Mask:
    """Mark pixels that differ from a neighbour to the right, below, or both."""
    edge = np.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


def summarise(rows: Sequence[MaskMetrics], n_frames: int) -> Summary:
    """Average over frames and objects.

    Parameters
    ----------
    rows : sequence of MaskMetrics
        Of all objects on all frames.
    n_frames : int
        Length of the stack.
    """
    later = [row for row in rows if not row.prompted]
    seen = [row for row in later if row.truth]
    inner = [row for row in rows if 0 < row.frame < n_frames - 1]
    region = _by_object(inner, lambda group: _mean(row.iou for row in group))
    boundary = _by_object(inner, lambda group: _mean(row.boundary for row in group))
    return Summary(
        iou=_mean(row.iou for row in seen),
        copied=_mean(row.copied for row in seen),
        region=region,
        boundary=boundary,
        region_and_boundary=(region + boundary) / 2,
        dice=_by_object(rows, _dice),
        absent_empty=_mean(float(row.predicted == 0) for row in later if not row.truth),
        overrun=sum(row.predicted > 0 for row in later if not row.truth),
        copied_dice=_by_object([row for row in rows if row.truth], _copied_dice),
    )


def write_csv(rows: Iterable[MaskMetrics], path: Path) -> None:
    """Write one line per object and frame."""
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
    """Return the share of pixels that have one of the others within the radius."""
    distances, _ = KDTree(others).query(pixels, distance_upper_bound=radius + 0.5)
    return float(np.mean(distances <= radius))
