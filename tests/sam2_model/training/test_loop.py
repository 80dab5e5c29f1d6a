from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sam2_model.modeling.sam2 import SAM2
from sam2_model.training.data.loader import RequestedClips, requested
from sam2_model.training.loop import Trainer, TrainingSettings
from sam2_model.training.optim.optimizer import AverageWeights, Method
from sam2_model.training.optim.schedule import Curriculum, LearningRate, PromptMix, Request
from sam2_model.training.run_folder import RunFolder
from tests.helpers.discs import Discs, fresh

CURRICULUM = Curriculum(
    clips_from=0.3, images=2, image_objects=2, clips=1, clip_objects=2, shortest=2, longest=3
)
SETTINGS = TrainingSettings(
    steps=8, curriculum=CURRICULUM, rate=LearningRate(warmup=2), workers=0, report_every=2
)


def weights(model: SAM2) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.state_dict().values()])


@pytest.mark.slow
@pytest.mark.parametrize("method", [Method.MUON, Method.ADAMW])
def test_an_interrupted_run_ends_bit_for_bit_like_an_unbroken_one(
    method: Method, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, method=method)
    whole = Trainer(fresh(), Discs(), tmp_path / "whole", settings).run()
    Trainer(fresh(), Discs(), tmp_path / "broken", settings).run(steps=5)
    rest = Trainer(fresh(seed=9), Discs(), tmp_path / "broken", settings)
    assert rest.step == 5
    assert torch.equal(weights(rest.run()), weights(whole))


def test_the_seed_decides(tmp_path: Path) -> None:
    one = Trainer(fresh(), Discs(), tmp_path / "a", SETTINGS).run(steps=2)
    other = Trainer(fresh(), Discs(), tmp_path / "b", replace(SETTINGS, seed=1)).run(steps=2)
    assert not torch.equal(weights(one), weights(other))


def test_the_log_holds_losses_validation_and_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    settings = replace(SETTINGS, validate_every=0.0)
    trainer = Trainer(fresh(), Discs(), tmp_path, settings, lambda model: {"val.point": 0.5})
    trainer.run()
    rows = trainer.folder.rows()
    assert {row["step"] for row in rows} == {str(n) for n in range(1, 9)}
    assert any(row["clip.dice"] for row in rows)
    assert [row["val.point"] for row in rows].count("0.5") == 8
    picture = trainer.folder.plot()
    assert picture is not None
    assert picture.stat().st_size > 1000
    assert (tmp_path / "step000008.pt").exists()


def test_time_that_is_over_stops_the_run(tmp_path: Path) -> None:
    trainer = Trainer(fresh(), Discs(), tmp_path, replace(SETTINGS, seconds=1e-9))
    trainer.run()
    assert trainer.step <= 1


def test_a_broken_write_leaves_the_earlier_checkpoint(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.save({"step": 1})
    with pytest.raises(TypeError, match="pickle"):
        folder.save({"step": (n for n in ())})
    content = folder.load()
    assert content is not None
    assert content["step"] == 1


def test_a_loss_that_is_not_finite_changes_no_weight(tmp_path: Path) -> None:
    trainer = Trainer(fresh(), Discs(), tmp_path, SETTINGS)
    with torch.no_grad():
        trainer.model.no_mem_embed.fill_(float("nan"))
    before = trainer.model.image_encoder.trunk.pos_embed.detach().clone()
    trainer.run(steps=1)
    assert torch.equal(trainer.model.image_encoder.trunk.pos_embed, before)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_clips_depend_on_the_request_alone(workers: int) -> None:
    rng = np.random.default_rng(0)
    requests = [CURRICULUM.request(step, step / 6, rng) for step in range(6)]
    reuse = 3 if workers < 2 else 1
    made = list(requested(RequestedClips(Discs(), 4, reuse=reuse), requests, workers))
    again = RequestedClips(Discs(), 4, reuse=reuse)
    for request, clips in zip(reversed(requests), reversed(made), strict=True):
        assert torch.equal(again[request].masks, clips.masks)
        assert torch.equal(again[request].images, clips.images)
        assert clips.images.shape[:2] == (request.clips, request.frames)


def test_without_reuse_no_sample_is_made_twice() -> None:
    requests = [Request(step, 5, 2, 1) for step in range(4)]
    dataset = RequestedClips(Discs(), 4, reuse=1)
    images = torch.cat([dataset[request].images for request in requests])
    assert len(images.flatten(1).unique(dim=0)) == len(images) == 20


def test_a_large_batch_has_a_budget_of_frames() -> None:
    rng, curriculum = np.random.default_rng(0), replace(Curriculum(), clip_frames=64)
    drawn = [curriculum.request(0, 0.9, rng) for _ in range(100)]
    clips = [request for request in drawn if request.frames > 1]
    assert all(request.clips == 64 // request.frames for request in clips)
    assert {Curriculum().request(0, 0.9, rng).clips for _ in range(50)} == {1, 4}


def test_the_rate_rises_stays_and_ends_at_zero() -> None:
    rate = LearningRate(peak=1.0, warmup=10, descent=0.5)
    assert rate.at(0, 0.0) == pytest.approx(0.1)
    assert rate.at(20, 0.2) == pytest.approx(1.0)
    assert 0 < rate.at(80, 0.8) < 1
    assert rate.at(99, 1.0) == pytest.approx(0.0)


def test_prompt_plans_cover_all_kinds_and_stay_in_the_clip() -> None:
    rng = np.random.default_rng(0)
    plans = [PromptMix().clip_plan(4, rng) for _ in range(300)]
    assert {plan.kind.value for plan in plans} == {"mask", "point", "box"}
    assert {plan.prompted for plan in plans} == {0, 1, 2, 3}
    assert all(plan.corrected != plan.prompted for plan in plans)
    assert all(3 <= plan.longest <= 15 for plan in plans)


def test_averaged_weights_lag_behind() -> None:
    model = fresh()
    average = AverageWeights(model, 0.9)
    start = model.no_obj_ptr[0, 0].item()
    with torch.no_grad():
        model.no_obj_ptr.add_(1.0)
    average.update(model, step=1000)
    assert average.model.no_obj_ptr[0, 0].item() == pytest.approx(start + 0.1, abs=1e-5)


def test_long_clips_come_last_and_are_learnt_from_at_their_end() -> None:
    rng, mix = np.random.default_rng(0), PromptMix()
    lengths = [[Curriculum().request(0, p, rng).frames for _ in range(400)] for p in (0.4, 0.9)]
    assert max(lengths[0]) <= 8
    assert max(lengths[1]) == 16
    assert 8 in lengths[1]
    for frames in set(lengths[1]) - {1}:
        learned = {frames - 1 - mix.clip_plan(frames, rng).unlearned for _ in range(40)}
        assert learned == ({frames - 1} if frames <= 8 else {5, 6, 7})
