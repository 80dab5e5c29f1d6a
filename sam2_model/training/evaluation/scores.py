"""Scores on held-out samples, got through the predictors that users call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sam2_model.image_predictor import EncodedImage, ImagePredictor
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import TrackerSettings
from sam2_model.training.data.samples import ClipSample
from sam2_model.training.prompts.sampling import PromptKind
from sam2_model.training.prompts.simulated_clicks import Mask, deepest_point, tight_box
from sam2_model.video_predictor import VideoPredictor, VideoSession


@dataclass(frozen=True, slots=True)
class ClipScores:
    """How well objects were followed, over all objects of some clips.

    Parameters
    ----------
    mean_iou : float
        Over later frames on which the object is seen (J of DAVIS).
    first_mask : float
        The same if the first frame's true mask were copied to all frames.
    reappeared : float
        Share of reappearances found with IoU of 0.5 or more; nan where nothing reappears.
    empty_when_absent : float
        Share of frames without the object that are left empty; nan where it is always there.
    """

    mean_iou: float
    first_mask: float
    reappeared: float
    empty_when_absent: float


def iou(predicted: Mask, truth: Mask) -> float:
    """Intersection over union of two masks; 1 when both are empty."""
    union = np.count_nonzero(predicted | truth)
    return 1.0 if union == 0 else np.count_nonzero(predicted & truth) / union


def image_iou(model: SAM2, samples: Sequence[ClipSample], kind: PromptKind) -> float:
    """Mean IoU over objects from one click at the deepest point, or one tight box.

    Parameters
    ----------
    model : SAM2
        In eval mode.
    samples : sequence of ClipSample
        Their first frames are used.
    kind : PromptKind
        ``POINT`` or ``BOX``.

    Returns
    -------
    float
        nan without objects.
    """
    predictor = ImagePredictor(model)
    scores: list[float] = []
    for sample in samples:
        encoded = predictor.encode_image(sample.images[0])
        masks = [mask for mask in sample.masks[0] if mask.any()]
        scores += [iou(_one_mask(predictor, encoded, mask, kind), mask) for mask in masks]
    return _mean(scores)


def clip_scores(
    model: SAM2,
    samples: Sequence[ClipSample],
    kind: PromptKind,
    settings: TrackerSettings | None = None,
) -> ClipScores:
    """Prompt each object on the first frame only and follow it to the end.

    Parameters
    ----------
    model : SAM2
        In eval mode.
    samples : sequence of ClipSample
        Objects that are absent on the first frame are left out.
    kind : PromptKind
        How objects are prompted.
    settings : TrackerSettings, optional
        How the model is used.
    """
    overlaps: list[float] = []
    copied: list[float] = []
    found: list[float] = []
    empty: list[float] = []
    for sample in samples:
        present = [k for k in range(sample.masks.shape[1]) if sample.masks[0, k].any()]
        if not present:
            continue
        predicted = follow(model, sample.images, sample.masks[0, present], kind, settings)
        true = np.moveaxis(sample.masks[:, present], 1, 0)
        for truth, tracked in zip(true, predicted, strict=True):
            seen = truth.reshape(len(truth), -1).any(1)
            each = np.array([iou(p, t) for p, t in zip(tracked, truth, strict=True)])
            overlaps += list(each[1:][seen[1:]])
            copied += [iou(truth[0], t) for t in truth[1:] if t.any()]
            empty += [float(not p.any()) for p in tracked[1:][~seen[1:]]]
            returns = np.flatnonzero(seen[1:] & ~seen[:-1]) + 1
            found += [float(each[t : t + 3].max() >= 0.5) for t in returns]
    return ClipScores(_mean(overlaps), _mean(copied), _mean(found), _mean(empty))


def follow(
    model: SAM2,
    images: NDArray[np.uint8],
    masks: NDArray[np.bool_],
    kind: PromptKind,
    settings: TrackerSettings | None = None,
) -> NDArray[np.bool_]:
    """Track objects from their masks on the first frame.

    Parameters
    ----------
    model : SAM2
        In eval mode.
    images : ndarray of uint8
        (T, H, W, 3).
    masks : ndarray of bool
        (K, H, W) on the first frame, none empty.
    kind : PromptKind
        Whether the model gets the mask, one click in it, or its box.
    settings : TrackerSettings, optional
        How the model is used.

    Returns
    -------
    ndarray of bool
        (K, T, H, W).
    """
    session = VideoPredictor(model, settings).start(list(images))
    for number, mask in enumerate(masks):
        _prompt(session, number, mask, kind)
    tracked = np.zeros((len(masks), len(images), *masks.shape[1:]), bool)
    for result in session.propagate():
        tracked[:, result.frame] = (result.logits[:, 0] > 0).cpu().numpy()
    return tracked


def _one_mask(predictor: ImagePredictor, image: EncodedImage, mask: Mask, kind: PromptKind) -> Mask:
    if kind is PromptKind.BOX:
        boxed: Mask = predictor.predict(image, box=tight_box(mask), multimask=False).masks[0, 0]
        return boxed
    click = deepest_point(mask)
    result = predictor.predict(image, [[click.x + 0.5, click.y + 0.5]], [1])
    best: Mask = result.masks[0, int(result.ious[0].argmax())]
    return best


def _prompt(session: VideoSession, number: int, mask: Mask, kind: PromptKind) -> None:
    if kind is PromptKind.MASK:
        session.add_mask(0, number, mask)
    elif kind is PromptKind.BOX:
        session.add_points(0, number, box=tight_box(mask))
    else:
        click = deepest_point(mask)
        session.add_points(0, number, [[click.x + 0.5, click.y + 0.5]], [1])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
