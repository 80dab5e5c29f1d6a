from __future__ import annotations

import copy

import pytest
import torch

from tests.helpers.networks import network


def test_kept_positions_follow_every_change_of_the_weights() -> None:
    trunk = network().image_encoder.trunk
    side = 16
    with torch.inference_mode():
        first = trunk._positions(side)
        assert trunk._positions(side) is first
        assert trunk._positions(2 * side).shape[1] == 2 * side
    with torch.no_grad():
        trunk.pos_embed.add_(1.0)
        changed = trunk._positions(side)
        torch.testing.assert_close(changed, first + 1.0)
        trunk.load_state_dict(trunk.state_dict())
        assert torch.equal(trunk._positions(side), changed)
    with torch.no_grad():
        assert trunk.double()._positions(side).dtype is torch.float64


def test_training_gets_gradients_whatever_was_kept() -> None:
    trunk = copy.deepcopy(network()).image_encoder.trunk
    with torch.no_grad():
        trunk._positions(16)
    trunk._positions(16).sum().backward()
    assert trunk.pos_embed.grad is not None
    assert trunk.pos_embed.grad.abs().sum() > 0


@pytest.mark.parametrize("change", ["in place", "loaded", "assigned", "cast"])
def test_features_follow_every_change_of_the_weights(change: str) -> None:
    model, pixels = network(), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        model.encode_image(pixels)
    state = {key: value * 1.5 for key, value in model.state_dict().items()}
    if change == "in place":
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(state[name])
    elif change == "cast":
        model.cast(torch.bfloat16)
    else:
        model.load_state_dict(state, assign=change == "assigned")
    with torch.inference_mode():
        found = model.encode_image(pixels)
    with torch.enable_grad():
        wanted = model.encode_image(pixels)
    error = 2e-2 if change == "cast" else 1e-5
    for a, b in zip((found.top, *found.high_res), (wanted.top, *wanted.high_res), strict=True):
        scale = float(b.detach().abs().max())
        torch.testing.assert_close(a, b.detach(), rtol=error, atol=error * scale)
