"""Samples put together, at their own size or at the model's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sam2_model.training.data.batch import stack
from sam2_model.training.data.samples import ClipSample
from sam2_model.training.prompts.simulated_clicks import tight_box


@pytest.fixture
def sample() -> ClipSample:
    """Two frames of 64 x 64 pixels with a white square, gone on the second."""
    masks = np.zeros((2, 1, 64, 64), bool)
    masks[0, 0, 16:32, 8:24] = True
    images = np.repeat(masks[:, 0, ..., None], 3, axis=-1).astype(np.uint8) * 255
    return ClipSample(images, masks, masks.any((2, 3)))


def test_samples_keep_their_own_size(sample: ClipSample) -> None:
    batch = stack([sample, sample]).batch()
    assert batch.pixels.shape == (2, 2, 3, 64, 64)
    assert batch.masks.shape == (2, 2, 64, 64)
    assert batch.coverage.shape == (2, 2, 32, 32)
    assert np.array_equal(batch.masks[1, 0].numpy(), sample.masks[0, 0])


@pytest.mark.parametrize("size", [96, 128, 32])
def test_images_and_masks_are_resized_together(sample: ClipSample, size: int) -> None:
    batch = stack([sample]).batch(size)
    assert batch.pixels.shape[-1] == size
    box = np.array([8, 16, 24, 32]) * size / 64
    assert tight_box(batch.masks[0, 0].numpy()) == pytest.approx(box, abs=0.5)
    pixels = batch.pixels[0, 0, 0]
    bright = pixels > (pixels.min() + pixels.max()) / 2
    agreement = (bright == batch.masks[0, 0]).float().mean()
    assert agreement > 0.97
    assert not batch.masks[0, 1].any()


def test_coverage_keeps_the_area(sample: ClipSample) -> None:
    covered = [float(stack([sample]).batch(size).coverage[0, 0].mean()) for size in (64, 96, 192)]
    assert covered == pytest.approx([1 / 16] * 3, rel=1e-5)


def test_objects_stay_with_their_clips(sample: ClipSample) -> None:
    assert torch.equal(stack([sample] * 3).batch(32).clip_of, torch.arange(3))
