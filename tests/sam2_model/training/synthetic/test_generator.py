"""Training clips: chosen objects are seen, repeatable, and drawn from every style."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2_model.training.data import augmentation as augment
from sam2_model.training.data.samples import (
    MIN_AREA,
    SIDE,
    ClipSample,
    MixedSource,
    make_sample,
    select_objects,
)
from sam2_model.training.data.validation_set import validation_synthetic
from sam2_model.training.synthetic.generator import Style, SyntheticClips
from sam2_model.training.synthetic.lifecycle import Lifecycle, draw_lifecycle
from sam2_model.training.synthetic.motion import hide, static_motion
from sam2_model.training.synthetic.rendering import Blend, Scene, Sprite


def check(sample: ClipSample, frames: int, objects: int) -> None:
    assert sample.images.shape == (frames, SIDE, SIDE, 3)
    assert sample.images.dtype == np.uint8
    assert sample.masks.dtype == bool
    assert 1 <= sample.masks.shape[1] <= objects
    assert sample.masks.shape[2:] == (SIDE, SIDE)
    np.testing.assert_array_equal(sample.visible, sample.masks.any((2, 3)))
    assert (sample.masks.sum((2, 3)).max(0) >= MIN_AREA).all()
    assert (sample.masks.sum(1) <= 1).all()
    assert sample.images.max() > sample.images.min()


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("frames", [1, 5])
def test_clips_of_every_style(style: Style, frames: int) -> None:
    source = SyntheticClips((style,))
    for seed in range(3):
        check(source.sample(np.random.default_rng(seed), frames, 4), frames, 4)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_one_state_of_chance_gives_one_clip(seed: int) -> None:
    one, two = (SyntheticClips().sample(np.random.default_rng(seed), 3, 2) for _ in range(2))
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.masks, two.masks)


def test_neighbors_are_preferred() -> None:
    labels = np.zeros((1, 100, 300), np.uint16)
    for number, x in enumerate((10, 30, 50, 250, 270, 290), 1):
        labels[0, 40:50, x : x + 8] = number
    picked = [set(select_objects(labels, np.random.default_rng(s), 3)) for s in range(60)]
    together = sum(p in ({1, 2, 3}, {4, 5, 6}) for p in picked)
    assert together > 36


def test_specks_are_no_objects() -> None:
    labels = np.zeros((2, 64, 64), np.uint16)
    labels[:, :4, :5] = 1
    rng = np.random.default_rng(0)
    assert select_objects(labels, rng, 3) == []
    assert make_sample(np.zeros((2, 64, 64), np.uint8), labels, rng, 3) is None
    labels[1, :5, :5] = 1
    assert select_objects(labels, rng, 3) == [1]


class _Flat:
    def __init__(self, value: int) -> None:
        self.value = value

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        masks = np.ones((frames, 1, 2, 2), bool)
        return ClipSample(np.full((frames, 2, 2, 3), self.value, np.uint8), masks, masks[..., 0, 0])


def test_sources_are_mixed_by_their_weights() -> None:
    source = MixedSource((_Flat(0), _Flat(1), _Flat(2)), (3, 1, 0))
    rng = np.random.default_rng(0)
    drawn = [int(source.sample(rng, 1, 1).images.max()) for _ in range(400)]
    assert 0.65 < drawn.count(0) / 400 < 0.85
    assert drawn.count(2) == 0


def _square(value: float) -> Sprite:
    cover = np.zeros((13, 13), np.float32)
    cover[2:11, 2:11] = 1
    return Sprite(np.full((13, 13, 1), value, np.float32), cover, cover)


@pytest.mark.parametrize("blend", Blend)
def test_a_still_sprite_is_drawn_where_it_is(blend: Blend) -> None:
    background = np.full((40, 50, 1), 0.2, np.float32)
    motion = static_motion(np.array((20.0, 30.0)), 2)
    values, labels = Scene(background, [_square(0.9)], [motion], np.zeros((2, 2)), blend).render()
    expected = np.zeros((40, 50), bool)
    expected[16:25, 26:35] = True
    np.testing.assert_array_equal(labels[0] == 1, expected)
    np.testing.assert_allclose(values[0, ..., 0], np.where(expected, 0.9, 0.2), atol=0.02)


def test_a_dark_object_dims_nothing_where_light_adds_up() -> None:
    background = np.full((40, 40, 1), 0.5, np.float32)
    motion = static_motion(np.array((20.0, 20.0)), 1)
    scene = Scene(background, [_square(0.1)], [motion], np.zeros((1, 2)), Blend.LIGHT)
    assert scene.render().values.min() == pytest.approx(0.5)


@given(seed=st.integers(0, 10**6), y=st.floats(-60, 100), x=st.floats(-60, 100))
@settings(max_examples=40, deadline=None)
def test_objects_may_lie_beyond_every_edge(seed: int, y: float, x: float) -> None:
    rng = np.random.default_rng(seed)
    motion = Lifecycle(speed=2.0).motion(rng, np.array((y, x)), 4, 9.0)
    background = np.zeros((40, 40, 1), np.float32)
    values, labels = Scene(background, [_square(0.9)], [motion], np.zeros((4, 2))).render()
    assert np.isfinite(values).all()
    assert ((values[..., 0] > 0.6) <= (labels > 0)).all()


@given(seed=st.integers(0, 10**6), frames=st.integers(2, 30), longest=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_gaps_are_no_longer_than_asked(seed: int, frames: int, longest: int) -> None:
    motion = hide(static_motion(np.zeros(2), frames), np.random.default_rng(seed), longest)
    gone = np.flatnonzero(motion.scale == 0)
    assert 1 <= len(gone) <= min(longest, frames)
    assert gone[-1] - gone[0] == len(gone) - 1


def test_images_have_no_story() -> None:
    assert draw_lifecycle(np.random.default_rng(0), 1, volumes=1.0) == Lifecycle()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), color=st.booleans(), frames=st.integers(1, 4))
def test_looks_vary_within_bytes(seed: int, color: bool, frames: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (frames, 32, 40, 3) if color else (frames, 32, 40)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    before = images.copy()
    varied = augment.clip(images, rng)
    assert varied.shape == (frames, 32, 40, 3)
    assert varied.dtype == np.uint8
    np.testing.assert_array_equal(images, before)


def test_a_black_picture_stays_finite() -> None:
    black = np.zeros((2, 16, 16), np.uint8)
    for seed in range(20):
        assert augment.clip(black, np.random.default_rng(seed)).shape == (2, 16, 16, 3)


def test_clips_for_scoring_show_an_object_that_comes_back() -> None:
    clips = validation_synthetic(2, frames=10, objects=3)
    again = validation_synthetic(1, frames=10, objects=3)
    np.testing.assert_array_equal(clips[0].images, again[0].images)
    assert not np.array_equal(clips[0].images, clips[1].images)
    for clip in clips:
        assert clip.visible[0].all()
        assert clip.masks.shape[1] >= 2
        gone = np.flatnonzero(~clip.visible[:, 0])
        assert len(gone) >= 1
        assert clip.visible[-1, 0]
