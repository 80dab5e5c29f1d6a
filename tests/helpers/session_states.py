"""The whole state of a session as plain values, to compare it bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.session.actions.replayer import ActionReplayer
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup
from tests.helpers.fakes import FakePredictor


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


def replayed(sessions: SessionGroup) -> SessionGroup:
    """Return new sessions in memory with everything that the log of saved ones gives."""
    assert sessions.folder is not None
    model, labels = FakePredictor(), DraftAndResultLabels.make(sessions.stack)
    again = SessionGroup(sessions.stack, model, sessions.intensity, labels, sessions.settings)
    replayer = ActionReplayer(again, lambda _: model)
    for logged in sessions.folder.actions:
        replayer.play(logged)
    return again


def _crop(crop: MaskCrop | None) -> Any:
    return None if crop is None else (crop.window, crop.logits.tobytes())
