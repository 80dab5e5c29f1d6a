"""Initial weights in which attention prefers equal positions.

With ordinary random weights, the network learns to find foreground within minutes, but not to
select the prompted object: attention between tokens and image must first learn to relate equal
positions. Equal projections of queries and keys do this from the beginning.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from sam2_model.modeling.memory_attention import MemoryAttentionLayer, RoPEAttention
from sam2_model.modeling.memory_encoder import CXBlock
from sam2_model.modeling.sam2 import SAM2
from sam2_model.modeling.transformer import Attention, TwoWayAttentionBlock

_STD = 0.02
_ROTARY_BIAS = 0.75
_ROTARY_WEIGHT = 0.5
_PRESENT_LOGIT = 2.0
_LAYER_SCALE = 0.1
_PLACE_GAIN = 1.5
_FOURIER_SCALE = 1.0
_TRUNK_STD = 0.03
_NECK_GAIN = 0.15
_FUSED_LEVELS = 2
_PROMPT_KIND_STD = 0.5


@torch.no_grad()
def initialize(model: SAM2, seed: int = 0) -> SAM2:
    """Initialize all weights for training from scratch.

    Parameters
    ----------
    model : SAM2
        Changed in place.
    seed : int
        Random seed; the global random state does not change.

    Returns
    -------
    SAM2
        ``model``.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        _initialize_layer(module, generator)
    _scale_encoder_down(model, generator)
    _initialize_embeddings(model, generator)
    for module in model.sam_mask_decoder.transformer.modules():
        if isinstance(module, TwoWayAttentionBlock):
            _relate_positions(module.cross_attn_token_to_image, generator)
            _relate_positions(module.cross_attn_image_to_token, generator)
    _relate_positions(model.sam_mask_decoder.transformer.final_attn_token_to_image, generator)
    for module in model.memory_attention.modules():
        if isinstance(module, MemoryAttentionLayer):
            _prefer_equal_positions(module.cross_attn_image)
    score = model.sam_mask_decoder.pred_obj_score_head.layers[-1]
    nn.init.constant_(score.get_parameter("bias"), _PRESENT_LOGIT)
    return model


def _initialize_layer(module: nn.Module, generator: torch.Generator) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight, generator=generator)
        nn.init.zeros_(module.bias)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        fan_in = module.weight[0].numel()
        if isinstance(module, nn.ConvTranspose2d):
            fan_in = module.in_channels
        nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / fan_in), generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=1.0, generator=generator)
    elif isinstance(module, CXBlock):
        nn.init.constant_(module.gamma, _LAYER_SCALE)


def _scale_encoder_down(model: SAM2, generator: torch.Generator) -> None:
    """Make image features smaller than position encodings."""
    for module in model.image_encoder.trunk.blocks.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=_TRUNK_STD, generator=generator)
    for lateral in list(model.image_encoder.neck.convs)[:_FUSED_LEVELS]:
        for convolution in lateral.children():
            convolution.get_parameter("weight").mul_(_NECK_GAIN)


def _initialize_embeddings(model: SAM2, generator: torch.Generator) -> None:
    trunk = model.image_encoder.trunk
    parameters = [
        trunk.pos_embed,
        trunk.pos_embed_window,
        model.maskmem_tpos_enc,
        model.no_mem_embed,
        model.no_mem_pos_enc,
        model.no_obj_ptr,
    ]
    if hasattr(model, "no_obj_embed_spatial"):
        parameters.append(model.no_obj_embed_spatial)
    for parameter in parameters:
        nn.init.trunc_normal_(parameter, std=_STD, generator=generator)
    prompt_encoder = model.sam_prompt_encoder
    for kind in (prompt_encoder.not_a_point_embed, *prompt_encoder.point_embeddings):
        nn.init.normal_(kind.weight, std=_PROMPT_KIND_STD, generator=generator)
    fourier = prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    fourier.normal_(0.0, _FOURIER_SCALE, generator=generator)
    nn.init.normal_(prompt_encoder.no_mask_embed.weight, std=_STD, generator=generator)


def _relate_positions(attention: Attention, generator: torch.Generator) -> None:
    """Project queries and keys by the same orthogonal matrix, which relates equal positions."""
    nn.init.orthogonal_(attention.q_proj.weight, gain=_PLACE_GAIN, generator=generator)
    attention.k_proj.weight.copy_(attention.q_proj.weight)
    nn.init.zeros_(attention.q_proj.bias)
    nn.init.zeros_(attention.k_proj.bias)


def _prefer_equal_positions(attention: RoPEAttention) -> None:
    """Make queries and keys nearly constant: rotated, they match best at equal positions."""
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight.mul_(_ROTARY_WEIGHT)
        nn.init.constant_(projection.bias, _ROTARY_BIAS)
