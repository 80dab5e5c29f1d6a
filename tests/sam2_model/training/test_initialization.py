from __future__ import annotations

import torch

from sam2_model.modeling.position_encoding import rope_table, rotate
from sam2_model.modeling.sam2 import SAM2
from sam2_model.training.initialization import initialize
from tests.helpers.discs import fresh
from tests.helpers.networks import SMALL


def test_the_seed_decides_and_the_global_state_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = fresh(1).state_dict()
    SAM2(SMALL)
    torch.set_rng_state(before)
    model = SAM2(SMALL)
    state = torch.get_rng_state()
    second = initialize(model, 1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = fresh(2).state_dict()
    assert not torch.equal(first["no_mem_embed"], other["no_mem_embed"])


def test_a_place_attends_most_to_itself() -> None:
    model = fresh()
    places = model.sam_prompt_encoder.dense_positions().flatten(2).transpose(1, 2)
    attention = model.sam_mask_decoder.transformer.layers[0].cross_attn_token_to_image
    similarity = attention.q_proj(places)[0] @ attention.k_proj(places)[0].T
    own = similarity.diagonal() >= similarity.max(dim=1).values - 1e-4
    assert own.float().mean() > 0.9


def test_memories_attract_the_same_place() -> None:
    attention = fresh().memory_attention.layers[0].cross_attn_image
    side = SMALL.token_side
    table = rope_table(SMALL.d_model, side, torch.device("cpu"))
    query = rotate(attention.q_proj.bias.expand(1, side * side, -1), table)
    key = rotate(attention.k_proj.bias.expand(1, side * side, -1), table)
    best = (query @ key.transpose(1, 2))[0].argmax(1)
    assert torch.equal(best, torch.arange(side * side))


def test_everything_is_seen_at_the_start() -> None:
    model = fresh().eval()
    picture = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        features = model.encode_image(picture)
        points = torch.full((2, 1, 2), 30.0)
        decoded = model.decode_masks(
            model.add_no_memory_embedding(features),
            features.high_res,
            points,
            torch.ones(2, 1, dtype=torch.int64),
            None,
        )
    assert (decoded.object_score > 0).all()
    assert features.top.std() < 0.7
