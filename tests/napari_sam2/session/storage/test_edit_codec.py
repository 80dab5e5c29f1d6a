"""Keys and values of edits come back bit for bit."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np
import pytest

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskCrop, MaskOrigin, MaskStatus
from napari_sam2.masks.store import MaskKey, MaskRecord
from napari_sam2.prompts.prediction_states import PredictionKey, PredictionState
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, PromptKey
from napari_sam2.session.objects import ObjectKey, SegmentedObject
from napari_sam2.session.storage.edit_codec import (
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)

AT = (("z", 3), ("t", 0))
MASK = MaskRecord(
    object_id=3,
    index=(0, 12),
    window=Window(1, 2, 5, 9),
    area=7,
    predicted_iou=0.1 + 0.2,
    object_score=nan,
    origin=MaskOrigin.BLEND,
    status=MaskStatus.LOCKED,
    view=Window(-3, 0, 10, 11),
    refined=True,
    payload=b"\n\x00 {}\xff\n",
)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (MaskKey(3, (0, 12)), None),
        (ObjectKey(3), SegmentedObject(3, "größe\n", True, "nucleus")),
        (ObjectKey(3), None),
        (PromptKey(AT, 3, 4), ()),
        (
            PromptKey(AT, 3, 4),
            (PointPrompt(3, 4, (1 / 3, 2e-300), 0), BoxPrompt(3, 4, (0.1, 0.2), (7.7, 8.8))),
        ),
        (PromptKey((), 3, 4), (MaskPrompt(3, 4, np.eye(5, 7), (100, -2)),)),
        (PredictionKey(AT, 3, 4), PredictionState(awaited=True)),
    ],
)
def test_keys_and_values_come_back(key: Any, value: Any) -> None:
    again = decode_key(encode_key(key))
    assert type(again) is type(key)
    assert again == key
    assert decode_value(again, encode_value(value)) == value


def test_a_mask_comes_back_with_all_its_fields() -> None:
    again = decode_value(MaskKey(3, (0, 12)), encode_value(MASK))
    assert repr(again) == repr(MASK)


def test_logits_come_back_bit_for_bit() -> None:
    logits = np.array([[0.1, -0.0, 1e-42], [np.inf, -3, 7]], np.float32)
    state = PredictionState(chosen=MaskCrop(Window(4, 5, 6, 8), logits))
    again = decode_value(PredictionKey((), 1, 2), encode_value(state))
    assert again.chosen.window == Window(4, 5, 6, 8)
    assert again.chosen.logits.tobytes() == logits.tobytes()
    assert again.corrected is None
