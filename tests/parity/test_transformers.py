"""The same weights in transformers' SAM 2: a second reference, where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_model.checkpoint.transformers_keys import original_key, original_state
from sam2_model.memory_bank import Retention
from sam2_model.modeling.config import MODEL_CONFIGS, Version
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import TrackerSettings
from sam2_model.transforms import frame_pixels, image_pixels
from sam2_model.video_predictor import VideoPredictor
from tests.helpers.networks import clip, network

transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed; pip install 'napari-sam2[parity]'"
)

SIZE = 128
POINT = [[30.0, 20.0]]


def _theirs(ours: SAM2) -> Any:
    """Build transformers' video model of the same sizes and copy our weights into it."""
    config, trunk = ours.config, ours.config.trunk
    dims = list(trunk.stage_dims)
    sides = [[SIZE // stride] * 2 for stride in (4, 8, 16)]
    newer = config.version is Version.V2_1
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": trunk.embed_dim,
        "num_attention_heads": trunk.num_heads,
        "image_size": [SIZE, SIZE],
        "blocks_per_stage": list(trunk.stages),
        "embed_dim_per_stage": dims,
        "num_attention_heads_per_stage": [trunk.num_heads * 2**i for i in range(4)],
        "window_size_per_stage": list(trunk.window_spec),
        "window_positional_embedding_background_size": list(
            trunk.window_pos_embed_bkg_spatial_size
        ),
        "global_attention_blocks": list(trunk.global_att_blocks),
    }
    theirs = transformers.Sam2VideoModel(
        transformers.Sam2VideoConfig(
            vision_config={
                "backbone_config": backbone,
                "backbone_channel_list": dims[::-1],
                "backbone_feature_sizes": sides,
            },
            prompt_encoder_config={"image_size": SIZE},
            image_size=SIZE,
            memory_attention_rope_feat_sizes=[SIZE // 16] * 2,
            enable_occlusion_spatial_embedding=newer,
            enable_temporal_pos_encoding_for_object_pointers=newer,
        )
    ).eval()
    weights = ours.state_dict()
    points = [weights[f"sam_prompt_encoder.point_embeddings.{i}.weight"] for i in range(4)]
    copied = {
        key: torch.cat(points)
        if key == "prompt_encoder.point_embed.weight"
        else weights[original_key(key)]
        for key in theirs.state_dict()
    }
    theirs.load_state_dict(copied, strict=True)
    return theirs


@pytest.fixture(scope="module", params=["sam2.1_hiera_tiny", "sam2_hiera_tiny"])
def pair(request: pytest.FixtureRequest) -> tuple[SAM2, Any]:
    ours = network(MODEL_CONFIGS[request.param].resized(SIZE))
    return ours, _theirs(ours)


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
