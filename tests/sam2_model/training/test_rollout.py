from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sam2_model.tracker import Tracker, TrackerSettings
from sam2_model.training.cpu_attention import PlainAttention, plain_attention
from sam2_model.training.data.batch import stack
from sam2_model.training.optim.losses import LossWeights
from sam2_model.training.optim.optimizer import adamw
from sam2_model.training.prompts.sampling import PromptKind
from sam2_model.training.rollout import ClipPlan, Rollout
from sam2_model.transforms import image_pixels
from sam2_model.video_predictor import VideoPredictor
from tests.helpers.discs import Discs, batch, fresh


def losses_over(steps: int, run) -> list[float]:
    model = fresh()
    optimizer = adamw(model, 0.0)
    totals = []
    for _ in range(steps):
        losses = run(Rollout(model, LossWeights()))
        optimizer.zero_grad()
        losses.total.backward()
        for group in optimizer.param_groups:
            group["lr"] = 2e-3
        optimizer.step()
        totals.append(float(losses.total.detach()))
    return totals


def test_one_batch_of_images_is_learnt() -> None:
    images = batch()
    totals = losses_over(
        12, lambda r: r.images(images, PromptKind.POINT, 1, np.random.default_rng(0))
    )
    assert np.isfinite(totals).all()
    assert totals[-1] < 0.5 * totals[0]


def test_one_clip_is_learnt_absence_included() -> None:
    clips = batch(frames=4, absent=(2,))
    plan = ClipPlan(PromptKind.MASK)
    totals = losses_over(12, lambda r: r.clip(clips, plan, np.random.default_rng(0)))
    assert np.isfinite(totals).all()
    assert totals[-1] < 0.6 * totals[0]


@pytest.mark.parametrize("kind", list(PromptKind))
@pytest.mark.parametrize("mixed", [False, True])
def test_every_plan_gives_finite_gradients(kind: PromptKind, mixed: bool) -> None:
    clips = batch(frames=4, absent=(3,)).seen_on(1)
    model = fresh()
    plan = ClipPlan(kind, prompted=1, rounds=1, corrected=3, longest=3)
    Rollout(model, LossWeights(), mixed).clip(
        clips, plan, np.random.default_rng(0)
    ).total.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(g.isfinite().all() for g in gradients)
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    for part in ("memory_attention", "memory_encoder", "obj_ptr_proj", "image_encoder"):
        assert any(name.startswith(part) for name in reached), part


@pytest.mark.parametrize("prompted", [0, 2])
def test_early_frames_are_tracked_but_not_learnt_from(prompted: int) -> None:
    clips = batch(frames=6).seen_on(prompted)
    clips.pixels.requires_grad_()
    plan = ClipPlan(PromptKind.MASK, prompted=prompted, unlearned=3)
    whole = replace(plan, unlearned=0)
    rollout = Rollout(fresh(), LossWeights())
    rollout.clip(clips, plan, np.random.default_rng(0)).total.backward()
    reached = clips.pixels.grad.abs().amax((0, 2, 3, 4)) > 0
    order = [0, 1, 2, 3, 4, 5] if prompted == 0 else [2, 3, 4, 5, 1, 0]
    assert reached[order].tolist() == [True, False, False, False, True, True]
    clips.pixels.grad = None
    rollout.clip(clips, whole, np.random.default_rng(0)).total.backward()
    assert (clips.pixels.grad.abs().amax((0, 2, 3, 4)) > 0).all()


def test_training_follows_the_same_path_as_tracking() -> None:
    sample = Discs().sample(np.random.default_rng(1), 4, 1)
    model = fresh().eval()
    seen = []
    decode = model.decode_masks

    def watch(*args):
        result = decode(*args)
        seen.append(result.logits.detach())
        return result

    model.decode_masks = watch
    clips = batch_of(sample)
    Rollout(model, LossWeights()).clip(
        clips, ClipPlan(PromptKind.MASK, longest=3), np.random.default_rng(0)
    )
    trained = list(seen)
    seen.clear()
    session = VideoPredictor(model, TrackerSettings(memory_dtype=torch.float32)).start(
        list(sample.images)
    )
    session.add_mask(0, 1, sample.masks[0, 0])
    list(session.propagate())
    assert isinstance(session._tracker, Tracker)
    for ours, theirs in zip(trained, seen, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def batch_of(sample):
    made = stack([sample]).batch()
    expected = image_pixels(sample.images[0], 64, torch.device("cpu"))
    torch.testing.assert_close(made.pixels[0, :1], expected)
    return made


def test_plain_attention_equals_the_fused_one() -> None:
    q, k, v = (torch.randn(2, 3, n, 8) for n in (5, 7, 7))
    fused = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(plain_attention(q, k, v), fused)
    with PlainAttention():
        inside = torch.nn.functional.scaled_dot_product_attention(q.bfloat16(), k, v)
    assert inside.dtype is torch.bfloat16
