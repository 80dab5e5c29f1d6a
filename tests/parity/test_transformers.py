"""The same weights in transformers' SAM 2: a second reference, where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_model.checkpoint.transformers_keys import original_state
from sam2_model.memory_bank import Retention
from sam2_model.modeling.config import MODEL_CONFIGS
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import TrackerSettings
from sam2_model.transforms import frame_pixels, image_pixels
from sam2_model.video_predictor import VideoPredictor
from tests.helpers.networks import clip, network

transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed; pip install 'napari-sam2[parity]'"
)

from tests.helpers.transformers_network import transformers_network  # noqa: E402

pytestmark = pytest.mark.slow

SIZE = 128
POINT = [[30.0, 20.0]]


@pytest.fixture(scope="module", params=["sam2.1_hiera_tiny", "sam2_hiera_tiny"])
def pair(request: pytest.FixtureRequest) -> tuple[SAM2, Any]:
    ours = network(MODEL_CONFIGS[request.param].resized(SIZE))
    return ours, transformers_network(ours)


def test_their_names_load_strictly(pair: tuple[SAM2, Any]) -> None:
    ours, theirs = pair
    SAM2(ours.config).load_state_dict(original_state(theirs.state_dict()), strict=True)


def test_image_features_agree(pair: tuple[SAM2, Any]) -> None:
    ours, theirs = pair
    pixels = image_pixels(clip(1)[0], SIZE, torch.device("cpu"))
    with torch.inference_mode():
        wanted = theirs.vision_encoder(pixels).fpn_hidden_states[:3]
        for found, want in zip(ours.image_encoder(pixels), wanted, strict=True):
            torch.testing.assert_close(found, want, rtol=2e-5, atol=2e-5 * float(want.abs().max()))


def _their_masks(theirs: Any, frames: list[NDArray[np.uint8]], reverse: bool) -> dict[int, Any]:
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    video = torch.cat([frame_pixels(frame, SIZE, torch.device("cpu")) for frame in frames])
    height, width = frames[0].shape[:2]
    session = Sam2VideoInferenceSession(
        video=video, video_height=height, video_width=width, dtype=torch.float32
    )
    start = len(frames) - 1 if reverse else 0
    number = session.obj_id_to_idx(1)
    points = torch.tensor(POINT)[None, None] / torch.tensor([width, height]) * SIZE
    asked = {"point_coords": points, "point_labels": torch.ones(1, 1, 1, dtype=torch.int32)}
    session.add_point_inputs(number, start, asked)
    session.obj_with_new_inputs = [1]
    with torch.inference_mode():
        theirs(session, frame_idx=start)
        steps = theirs.propagate_in_video_iterator(session, start_frame_idx=start, reverse=reverse)
        return {step.frame_idx: step.pred_masks[0, 0].float() for step in steps}


@pytest.mark.parametrize("reverse", [False, True])
def test_tracking_after_a_click_agrees(pair: tuple[SAM2, Any], reverse: bool) -> None:
    ours, theirs = pair
    frames = clip(8)
    settings = TrackerSettings(retention=Retention.ALL)
    session = VideoPredictor(ours, settings).start(frames)
    session.add_points(len(frames) - 1 if reverse else 0, 1, POINT, [1])
    wanted = _their_masks(theirs, frames, reverse)
    seen = set()
    for found in session.propagate(reverse=reverse):
        entry = session.memory(found.frame, 1)
        assert entry is not None
        assert entry.logits is not None
        want = wanted[found.frame]
        difference = float((entry.logits - want).abs().max())
        assert difference <= 2e-2 * max(1.0, float(want.abs().max()))
        seen.add(found.frame)
    assert seen == set(wanted)
