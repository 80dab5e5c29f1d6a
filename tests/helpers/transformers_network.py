"""The weights of a network in transformers' implementation of SAM 2."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from sam2_model.checkpoint.transformers_keys import original_key
from sam2_model.modeling.config import Version
from sam2_model.modeling.sam2 import SAM2


def transformers_network(ours: SAM2) -> Any:
    """Return transformers' video model of the same sizes with a copy of our weights."""
    config, trunk = ours.config, ours.config.trunk
    dims, side = list(trunk.stage_dims), config.image_size
    sides = [[side // stride] * 2 for stride in (4, 8, 16)]
    newer = config.version is Version.V2_1
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": trunk.embed_dim,
        "num_attention_heads": trunk.num_heads,
        "image_size": [side, side],
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
            prompt_encoder_config={"image_size": side},
            image_size=side,
            memory_attention_rope_feat_sizes=[side // 16] * 2,
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
