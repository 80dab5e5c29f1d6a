"""The whole state of a session as plain values, to compare it bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sam2.masks.mask import MaskCrop
from napari_sam2.session.session import SegmentationSession


def state_of(session: SegmentationSession) -> dict[str, Any]:
    """Return prompts, predictions, objects, masks, locks, scores and labels of a session."""
    masks = session.masks
    return {
        "prompts": session.prompts.snapshot(),
        "predictions": [
            (key, _crop(state.chosen), _crop(state.corrected), state.awaited)
            for key, state in session.prompts.predictions.items()
        ],
        "objects": list(session.objects),
        "masks": [masks.get(i.object_id, i.index) for i in masks.infos()],
        "locks": session._store.locked(),
        "scores": session.scores.rows(),
        "labels": np.asarray(session.labels.array[...]).tobytes(),
    }


def _crop(crop: MaskCrop | None) -> Any:
    return None if crop is None else (crop.window, crop.logits.tobytes())
