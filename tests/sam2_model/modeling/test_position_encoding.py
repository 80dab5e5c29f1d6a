from __future__ import annotations

import copy

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
