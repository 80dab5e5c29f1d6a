"""Moved thresholds: what is asked for is added to scores and masks, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2_model.checkpoint import load_model
from sam2_model.mask_decoder import DecodedMasks
from sam2_model.sam2 import SAM2
from sam2_model.training.operating_point import Shift, main, move
from sam2_model.training.samples import ClipSample
from sam2_model.training.synthetic import SyntheticClips
from sam2_model.transforms import frame_pixels

from ..networks import network


def clips(count: int, seed: int) -> list[ClipSample]:
    rng = np.random.default_rng(seed)
    return [SyntheticClips().sample(rng, 1, 1) for _ in range(count)]


@torch.inference_mode()
def decoded(model: SAM2, sample: ClipSample) -> DecodedMasks:
    features = model.encode(frame_pixels(sample.images[0], model.config.image_size, model.device))
    y, x = (float(np.median(axis)) + 0.5 for axis in np.nonzero(sample.masks[0, 0]))
    scale = model.config.image_size / sample.images.shape[1]
    point, inside = torch.tensor([[[x, y]]]) * scale, torch.ones(1, 1, dtype=torch.int64)
    image = model.without_memory(features)
    return model.decode(image, features.high_res, point, inside, None)


@given(presence=st.floats(-3, 3))
@settings(max_examples=5, deadline=None)
def test_object_scores_move_by_what_is_asked(presence: float) -> None:
    model, (sample,) = network(), clips(1, 0)
    before = decoded(model, sample)
    move(model, Shift(presence=presence), [sample])
    after = decoded(model, sample)
    torch.testing.assert_close(after.object_score, before.object_score + presence)
    assert torch.equal(after.logits, before.logits)


@pytest.mark.parametrize("edges", [0.5, -0.5])
def test_masks_of_other_pictures_move_by_nearly_the_same_everywhere(edges: float) -> None:
    model = load_model("micro", device="cpu").float()
    others = clips(3, 1)
    before = [decoded(model, sample) for sample in others]
    spread = move(model, Shift(edges=edges), clips(12, 0))
    assert 0 < spread < 0.25
    for sample, old in zip(others, before, strict=True):
        new = decoded(model, sample)
        moved = (new.logits - old.logits) / edges
        assert float(moved.mean()) == pytest.approx(1, abs=0.1)
        assert float(moved.std()) < 0.25
        assert torch.equal(new.object_score, old.object_score)


def test_no_shift_leaves_the_model_alone_and_nothing_to_measure_on_is_told() -> None:
    model, (sample,) = network(), clips(1, 0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    move(model, Shift(), [sample])
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    nothing = ClipSample(sample.images, np.zeros_like(sample.masks), sample.visible)
    with pytest.raises(ValueError, match="at least one object"):
        move(model, Shift(edges=1), [nothing])


def test_the_command_writes_weights_that_load(tmp_path: Path) -> None:
    output = tmp_path / "moved.safetensors"
    main(["micro", str(output), "--presence", "-2"])
    (sample,) = clips(1, 2)
    before, after = (
        decoded(load_model(w, device="cpu").float(), sample) for w in ("micro", output)
    )
    assert float(after.object_score - before.object_score) == pytest.approx(-2, abs=0.01)
