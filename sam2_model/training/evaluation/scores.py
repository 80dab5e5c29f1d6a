"""Scores of the public predictors on samples with ground truth."""

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
    """Scores of tracking, over all objects of some clips.

    Parameters
    ----------
    mean_iou : float
        Mean over frames after the first on which the object is visible (J of DAVIS).
    first_mask : float
        ``mean_iou`` of copies of the ground-truth mask of the first frame.
    reappeared : float
        Fraction of reappearances found with an IoU of 0.5 or more; nan if there are none.
    empty_when_absent : float
        Fraction of frames without the object that have an empty mask; nan if there are none.
    """

    mean_iou: float
    first_mask: float
    reappeared: float
    empty_when_absent: float


def iou(predicted: Mask, truth: Mask) -> float:
    """Return the intersection over union of two masks, which is 1 if both are empty."""
    union = np.count_nonzero(predicted | truth)
    return 1.0 if union == 0 else np.count_nonzero(predicted & truth) / union


def image_iou(model: SAM2, samples: Sequence[ClipSample], kind: PromptKind) -> float:
    """Return the mean IoU over objects for one click in the middle, or one exact box.

    Parameters
    ----------
    model : SAM2
        Model in eval mode.
    samples : sequence of ClipSample
        Samples, of which the first frames are used.
    kind : PromptKind
        ``POINT`` or ``BOX``.

    Returns
    -------
    float
        Mean IoU; nan without objects.
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
    """Return the scores of objects that are prompted on the first frame and tracked to the last.

    Parameters
    ----------
    model : SAM2
        Model in eval mode.
    samples : sequence of ClipSample
        Clips; objects that are absent on the first frame are ignored.
    kind : PromptKind
        Kind of the prompts.
    settings : TrackerSettings, optional
        How prompts and memories are used.
    """
    overlaps: list[float] = []
    copied: list[float] = []
    found: list[float] = []
    empty: list[float] = []
    for sample in samples:
        present = [k for k in range(sample.masks.shape[1]) if sample.masks[0, k].any()]
        if not present:
            continue
        predicted = track_objects(model, sample.images, sample.masks[0, present], kind, settings)
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


def track_objects(
    model: SAM2,
    images: NDArray[np.uint8],
    masks: NDArray[np.bool_],
    kind: PromptKind,
    settings: TrackerSettings | None = None,
) -> NDArray[np.bool_]:
    """Return masks of objects that are prompted on the first frame and tracked to the last.

    Parameters
    ----------
    model : SAM2
        Model in eval mode.
    images : ndarray of uint8
        (T, H, W, 3).
    masks : ndarray of bool
        (K, H, W) ground truth of the first frame, none empty.
    kind : PromptKind
        Kind of the prompts, which are made from ``masks``.
    settings : TrackerSettings, optional
        How prompts and memories are used.

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
