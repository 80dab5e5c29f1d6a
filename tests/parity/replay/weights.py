"""Deterministic pseudo-random SAM 2 weights from state-dict key names (numpy only).

fill(key, shape, seed=0, profile="default") -> float32 array.  The stream is PCG64 seeded by
sha256("<seed>|<key>|<shape>"), so every implementation that agrees on key names and shapes gets
bit-identical weights without any file.  Scales keep activations O(1) and the heads non-degenerate:
mask logits have both signs, IoU predictions spread, object scores are positive by default.

Profiles: "default"; "occluded" (object scores of both signs: the no-object path); "unstable" (mask
logits within a few tenths of zero: the single mask fails the stability test, so the decoder falls
back to its best multimask output).
"""

import hashlib

import numpy as np

PROFILES = {
    "default": {"obj_gain": 1.0, "obj_bias": 6.0, "mask_gain": 3.0},
    "occluded": {"obj_gain": 30.0, "obj_bias": 0.0, "mask_gain": 3.0},
    "unstable": {"obj_gain": 1.0, "obj_bias": 6.0, "mask_gain": 0.1},
}


def _normal(key, shape, seed):
    h = hashlib.sha256(f"{seed}|{key}|{tuple(int(s) for s in shape)}".encode()).digest()
    g = np.random.Generator(np.random.PCG64(int.from_bytes(h[:16], "little")))
    return g.standard_normal(tuple(shape), dtype=np.float64)


def fill(key, shape, seed=0, profile="default"):
    shape = tuple(int(s) for s in shape)
    x = _normal(key, shape, seed)
    p = PROFILES[profile]
    leaf = key.rsplit(".", 1)[-1]
    if key.endswith("positional_encoding_gaussian_matrix"):
        y = x
    elif leaf == "gamma":  # ConvNeXt layer scale: large enough that the block matters
        y = 0.3 + 0.1 * x
    elif "pos_embed" in leaf:  # hiera pos_embed / pos_embed_window
        y = 0.3 * x
    elif leaf in (
        "maskmem_tpos_enc",
        "no_mem_embed",
        "no_mem_pos_enc",
        "no_obj_ptr",
        "no_obj_embed_spatial",
    ):
        y = 0.5 * x
    elif any(
        s in key
        for s in (
            "iou_token",
            "mask_tokens",
            "obj_score_token",
            "point_embeddings",
            "not_a_point",
            "no_mask_embed",
        )
    ):
        y = x
    elif leaf == "bias":
        y = 0.1 * x
        if key.endswith("pred_obj_score_head.layers.2.bias"):
            y = y + p["obj_bias"]
        elif "output_hypernetworks_mlps" in key and key.endswith("layers.2.bias"):
            y = y - y.mean()
        elif key.endswith("mask_downsample.bias"):
            y = y - 8.0
    elif len(shape) == 1:  # norm scales
        y = 1.0 + 0.1 * x
    else:  # linear / conv / transposed conv
        fan_in = int(np.prod(shape[1:])) if "output_upscaling" not in key else shape[0]
        gain = 1.0
        if "qkv" in key or "q_proj" in key or "k_proj" in key:
            gain = 1.7  # sharper attention: mistakes in positions become visible
        elif ".mlp.layers.0" in key or "linear1" in key or "pwconv1" in key:
            gain = 1.4
        elif key.endswith("iou_prediction_head.layers.2.weight"):
            gain = 3.0
        elif key.endswith("pred_obj_score_head.layers.2.weight"):
            gain = p["obj_gain"]
        elif "output_hypernetworks_mlps" in key and key.endswith("layers.2.weight"):
            gain = p["mask_gain"]
            x = x - x.mean(
                axis=0, keepdims=True
            )  # no response to a constant feature: both mask signs
        elif key.endswith("mask_downsample.weight"):
            return (np.ones(shape) + 0.3 * x).astype(np.float32)
        elif "conv_s0" in key or "conv_s1" in key:
            gain = 1.5
        y = gain * x / np.sqrt(fan_in)
    return np.ascontiguousarray(y, dtype=np.float32)


def fill_state_dict(shapes, seed=0, profile="default", overrides=None):
    """shapes: mapping key -> shape (e.g. {k: v.shape for k, v in model.state_dict().items()})."""
    out = {k: fill(k, s, seed, profile) for k, s in shapes.items()}
    for k, v in (overrides or {}).items():
        out[k] = np.broadcast_to(np.asarray(v, np.float32), out[k].shape).copy()
    return out
