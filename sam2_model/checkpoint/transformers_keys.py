"""Conversion of the keys of transformers' Sam2VideoModel to those of the public checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

_TIED_COPY = "shared_image_embedding.positional_embedding"
_POINTS = "prompt_encoder.point_embed.weight"
_MARKS = ("vision_encoder.", "shared_image_embedding.", "memory_temporal_positional_encoding")
_DOWNSAMPLINGS = 4

_Rule = tuple[str, str | Callable[[re.Match[str]], str]]


def _three_deep(match: re.Match[str]) -> str:
    place = {"proj_in": 0, "layers.0": 1, "proj_out": 2}[match[2]]
    return f"{match[1]}.layers.{place}."


def _two_deep(match: re.Match[str]) -> str:
    return f"mlp.layers.{int(match[1] == 'out')}."


def _downsampling(match: re.Match[str]) -> str:
    return f"mask_downsampler.encoder.{3 * int(match[1]) + (match[2] == 'layer_norm')}."


_RULES: tuple[_Rule, ...] = (
    (r"^memory_temporal_positional_encoding$", "maskmem_tpos_enc"),
    (r"^no_memory_embedding$", "no_mem_embed"),
    (r"^no_memory_positional_encoding$", "no_mem_pos_enc"),
    (r"^no_object_pointer$", "no_obj_ptr"),
    (r"^occlusion_spatial_embedding_parameter$", "no_obj_embed_spatial"),
    (r"^temporal_positional_encoding_projection_layer", "obj_ptr_tpos_proj"),
    (r"^object_pointer_proj", "obj_ptr_proj"),
    (
        r"(mlps\.\d|iou_prediction_head|score_head|^obj_ptr_proj)\.(proj_in|layers\.0|proj_out)\.",
        _three_deep,
    ),
    (r"\bmlp\.proj_(in|out)\.", _two_deep),
    (r"^vision_encoder\.backbone", "image_encoder.trunk"),
    (r"^vision_encoder\.neck\.convs\.(\d)", r"image_encoder.neck.convs.\1.conv"),
    (r"patch_embed\.projection", "patch_embed.proj"),
    (rf"^{re.escape(_TIED_COPY)}$", "prompt_encoder.shared_embedding.positional_embedding"),
    (r"^prompt_encoder", "sam_prompt_encoder"),
    (
        r"shared_embedding\.positional_embedding$",
        "pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"mask_embed\.conv1", "mask_downscaling.0"),
    (r"mask_embed\.layer_norm1", "mask_downscaling.1"),
    (r"mask_embed\.conv2", "mask_downscaling.3"),
    (r"mask_embed\.layer_norm2", "mask_downscaling.4"),
    (r"mask_embed\.conv3", "mask_downscaling.6"),
    (r"^mask_decoder", "sam_mask_decoder"),
    (r"upscale_conv1", "output_upscaling.0"),
    (r"upscale_layer_norm", "output_upscaling.1"),
    (r"upscale_conv2", "output_upscaling.3"),
    (r"mask_downsampler\.layers\.(\d)\.(conv|layer_norm)\.", _downsampling),
    (r"mask_downsampler\.final_conv", f"mask_downsampler.encoder.{3 * _DOWNSAMPLINGS}"),
    (r"^memory_encoder\.feature_projection", "memory_encoder.pix_feat_proj"),
    (r"^memory_encoder\.projection", "memory_encoder.out_proj"),
    (r"memory_fuser", "fuser"),
    (r"depthwise_conv", "dwconv"),
    (r"pointwise_conv", "pwconv"),
    (r"(fuser\.layers\.\d+)\.scale$", r"\1.gamma"),
    (r"\bo_proj\b", "out_proj"),
    (r"\blayer_norm", "norm"),
)


def from_transformers(keys: Iterable[str]) -> bool:
    """Return whether keys are those of transformers."""
    return any(key.startswith(_MARKS) for key in keys)


def original_key(key: str) -> str:
    """Return the public checkpoints' key for one of transformers, except the point embedding."""
    for pattern, replacement in _RULES:
        key = re.sub(pattern, replacement, key)
    return key


def original_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors by the public checkpoints' keys; other keys than transformers' are kept."""
    if not from_transformers(state):
        return dict(state)
    renamed = {original_key(key): value for key, value in state.items() if key != _POINTS}
    for kind, row in enumerate(state.get(_POINTS, ())):
        renamed[f"sam_prompt_encoder.point_embeddings.{kind}.weight"] = row[None].clone()
    return renamed
