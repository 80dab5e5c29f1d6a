from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.workflows.training.clips import LabeledStack, StackClips
from napari_sam2.workflows.training.finetune import (
    FinetuneSettings,
    TrainedWeights,
    finetune,
    split,
)
from tests.helpers.discs import fresh
from tests.helpers.networks import SMALL
from tests.helpers.scenes import movie, straight


def labeled(frames: int = 6, shape: tuple[int, int] = (60, 70)) -> LabeledStack:
    images = movie(shape, [straight((20, 20), (1, 1), frames), straight((44, 50), (0, -1), frames)])
    labels = np.zeros(images.shape, np.uint8)
    labels[images > 100] = 1
    labels[:, 34:][labels[:, 34:] > 0] = 2
    stack = open_stack(images, axes="TYX", along="t")
    return LabeledStack(stack, labels, Intensity(((0.0, 255.0),)))


def test_clips_hold_objects_where_the_picture_shows_them() -> None:
    source = StackClips([(labeled(), tuple(range(6)))], 64)
    rng = np.random.default_rng(0)
    for _ in range(10):
        clip = source.sample(rng, 3, 2)
        assert clip.images.shape == (3, 64, 64, 3)
        assert clip.masks.shape[2:] == (64, 64)
        inside = clip.images[..., 0][clip.masks.any(1)]
        assert np.median(inside) > 150
        assert clip.visible.any(0).all()


def test_short_runs_are_repeated_back_and_forth() -> None:
    clip = StackClips([(labeled(2), (0, 1))], 64).sample(np.random.default_rng(0), 4, 1)
    assert np.array_equal(clip.masks[0], clip.masks[2])


def test_labels_without_objects_are_refused() -> None:
    empty = labeled()
    source = LabeledStack(empty.stack, np.zeros((6, 60, 70), np.uint8), empty.intensity)
    with pytest.raises(UserError, match="no object"):
        StackClips([(source, (0, 1))], 64).sample(np.random.default_rng(0), 1, 1)
    with pytest.raises(UserError, match="two labeled frames"):
        split([source], 0.2)


def test_what_is_held_out_is_not_trained_on() -> None:
    one = labeled()
    known, unknown = split([one], 0.3)
    assert known == [(one, (0, 1, 2, 3))]
    assert unknown == [(one, (4, 5))]
    many = [labeled() for _ in range(5)]
    known, unknown = split(many, 0.2)
    assert [stack for stack, _ in [*known, *unknown]] == many
    assert len(unknown) == 1
    with pytest.raises(UserError, match="between 0 and 1"):
        split(many, 0.0)


@pytest.mark.parametrize("parts", list(TrainedWeights))
def test_fine_tuning_learns_and_reports(parts: TrainedWeights, tmp_path: Path) -> None:
    settings = FinetuneSettings(parts=parts, steps=6, rate=2e-3, frames=2, held_out=0.4)
    model = fresh()
    trunk = model.image_encoder.trunk.patch_embed.proj.weight.detach().clone()
    decoder = model.sam_mask_decoder.conv_s0.weight.detach().clone()
    trained, report = finetune(model, [labeled()], tmp_path, settings)
    assert set(report.before) == set(report.after) == {"point", "box", "track"}
    assert not torch.equal(trained.sam_mask_decoder.conv_s0.weight, decoder)
    same = torch.equal(trained.image_encoder.trunk.patch_embed.proj.weight, trunk)
    assert same is (parts is TrainedWeights.DECODER)
    assert (tmp_path / "last.pt").exists()


def test_the_command_writes_weights_that_load(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from napari_sam2.cli.app import app
    from sam2_model.checkpoint import load_model, save_model

    source = labeled()
    tifffile.imwrite(tmp_path / "i.tif", movie((60, 70), [straight((20, 20), (1, 1), 6)]))
    tifffile.imwrite(tmp_path / "l.tif", np.asarray(source.labels))
    save_model(fresh(), tmp_path / "start.safetensors")
    arguments = ["train", "--images", str(tmp_path / "i.tif"), "--labels", str(tmp_path / "l.tif")]
    arguments += ["--from", str(tmp_path / "start.safetensors"), "--steps", "2", "--axes", "TYX"]
    arguments += ["--device", "cpu", "--output"]
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "w.safetensors")])
    assert done.exit_code == 0, done.output
    assert "before" in done.output
    assert load_model(tmp_path / "w.safetensors", device="cpu").config == SMALL
    refused = CliRunner().invoke(app, [*arguments, str(tmp_path / "w.pt")])
    assert isinstance(refused.exception, UserError)
