"""Proposals: the masks of points, and how many points agree on each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.candidates.candidate import Candidate
from napari_sam2.candidates.resizing import Resizing
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import PointMasks
from napari_sam2.inference.view_encoder import ViewEncoder

_MIN_IOU, _MIN_STABILITY = 0.4, 0.6
_STABILITY_OFFSET = 1.0
_CERTAINTY_SCALE = 3.0
"""Logits are divided by it. Among training images of dsb2018 the product of predicted IoU and
certainty orders masks better than that of predicted IoU and stability: F1 0.75 instead of 0.72."""
_SAME_IOU = 0.75
"""Masks that overlap more show the same object."""
_COMPARED_SIDE = 96
"""Masks of a view are compared with about as many rows and columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A mask that the model gave for a point.

    Parameters
    ----------
    candidate : Candidate
        The best of the masks that agree.
    support : int
        How many masks agree.
    """

    candidate: Candidate
    support: int


def propose(
    encoder: ViewEncoder,
    index: PlaneIndex,
    view: View,
    points: NDArray[np.float64],
    min_score: float,
) -> list[Proposal]:
    """Return what points of a view show, best first; masks that agree are one proposal.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    index : tuple of int
        Full index of the plane.
    view : View
        What the model is shown.
    points : NDArray[np.float64]
        (N, 2) as (y, x) in pixels of the view's image.
    min_score : float
        Smallest score of a candidate.
    """
    if not len(points):
        return []
    encoding = encoder.encode(index, view)
    least = max(_MIN_IOU, min_score)
    masks = encoder.predictor.predict_points(encoding, points, min_iou=least)
    logits, scores = _sure_masks(masks, min_score)
    resizing = Resizing((logits.shape[1], logits.shape[2]), view.image_shape)
    found = []
    for row, support in _distinct(logits > 0, scores):
        crop = encoder.mask_to_plane(view, *resizing.part_around(logits[row]))
        if crop.area:
            found.append(Proposal(Candidate(crop, float(scores[row])), support))
    return found


def _sure_masks(
    masks: PointMasks, min_score: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (M, h, w) and scores (M,) of the masks whose score and stability suffice.

    Stability is the ratio of the areas at a higher and a lower threshold (SAM paper, section 5),
    certainty the mean probability of the pixels of the mask.
    """
    logits = masks.logits.reshape(-1, *masks.logits.shape[2:])
    ious = masks.predicted_iou.ravel()
    rows = np.flatnonzero(ious > max(_MIN_IOU, min_score))
    logits, ious = logits[rows], ious[rows]
    strict = np.count_nonzero(logits > _STABILITY_OFFSET, axis=(1, 2))
    loose = np.count_nonzero(logits > -_STABILITY_OFFSET, axis=(1, 2))
    scores = (ious * _certainty(logits)).astype(np.float32)
    keep = (strict >= _MIN_STABILITY * np.maximum(loose, 1)) & (scores >= min_score)
    return logits[keep], scores[keep]


def _certainty(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of the sigmoid of the scaled positive logits of each mask (M, h, w)."""
    return np.array(
        [
            (1 / (1 + np.exp(-inside / _CERTAINTY_SCALE))).mean() if inside.size else 0.0
            for inside in (mask[mask > 0] for mask in logits)
        ]
    )


def _distinct(masks: NDArray[np.bool_], scores: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the best row of each group of masks (N, h, w) that agree, and the group's size."""
    step = max(masks.shape[1] // _COMPARED_SIDE, 1)
    small = masks[:, ::step, ::step].astype(np.float32)
    flat = small.reshape(len(masks), small.shape[1] * small.shape[2])
    areas = flat.sum(axis=1)
    groups, left = [], np.ones(len(masks), bool)
    for row in np.argsort(-scores, kind="stable"):
        if not left[row]:
            continue
        rows = np.flatnonzero(left & (areas > _SAME_IOU * areas[row]))
        common = flat[rows] @ flat[row]
        agree = rows[common >= _SAME_IOU * (areas[rows] + areas[row] - common)]
        left[agree] = left[row] = False
        groups.append((int(row), max(len(agree), 1)))
    return groups


def merge_proposals(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Return proposals of different views, best first; those that agree become one."""
    merged: list[Proposal] = []
    boxes: list[tuple[Window, int]] = []
    ordered = sorted(proposals, key=lambda one: (-one.candidate.score, one.candidate.crop.window))
    for proposal in ordered:
        crop = proposal.candidate.crop
        area, window = crop.area, crop.window
        for number, (other, size) in enumerate(boxes):
            similar = _SAME_IOU * size <= area <= size / _SAME_IOU
            if similar and not window.intersect(other).empty:
                best = merged[number]
                if crop.iou(best.candidate.crop) >= _SAME_IOU:
                    merged[number] = Proposal(best.candidate, best.support + proposal.support)
                    break
        else:
            merged.append(proposal)
            boxes.append((window, area))
    return merged
