from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2_model.training.synthetic.appearance import Style, draw_appearance
from sam2_model.training.synthetic.lifecycle import Lifecycle, draw_lifecycle
from sam2_model.training.synthetic.motion import living_motion, static_motion
from sam2_model.training.synthetic.placement import pack, separate_objects
from sam2_model.training.synthetic.scene_generator import ObjectCount, draw_scene

SHAPE = (256, 200)


def distances(motions) -> np.ndarray:
    """(N, N, T) in pixels."""
    centers = np.stack([m.center for m in motions])
    return np.linalg.norm(centers[:, None] - centers[None], axis=-1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 12))
def test_no_pair_comes_much_nearer_than_it_may(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    radii = rng.uniform(4, 12, count)
    wild = [living_motion(rng, start, 20, 3.0) for start in rng.uniform(0, 150, (count, 2))]
    calm = separate_objects(wild, radii)
    before, after = distances(wild), distances(calm)
    contact = np.minimum(before[..., 0], 0.95 * (radii[:, None] + radii))
    # What is pushed by several others at once keeps a part of its overlap for a while.
    assert (after >= 0.5 * contact[..., None] - 1e-6).all()
    lacking = [np.maximum(0, contact[..., None] - d).sum() for d in (before, after)]
    assert lacking[1] <= 0.2 * lacking[0] + 1e-6
    for one, other in zip(wild, calm, strict=True):
        np.testing.assert_array_equal(one.center[0], other.center[0])


def test_a_head_on_meeting_ends_in_contact() -> None:
    left, right = (static_motion(np.array((0.0, x)), 11) for x in (0.0, 60.0))
    left.center[:, 1] += np.arange(11) * 8
    away = distances(separate_objects([left, right], np.array((10.0, 10.0))))[0, 1]
    assert away[:5].tolist() == [60, 52, 44, 36, 28]
    assert away[6:] == pytest.approx(19, abs=0.5)


def test_what_is_fixed_stays_and_pushes() -> None:
    left, right = (static_motion(np.array((0.0, x)), 11) for x in (0.0, 60.0))
    left.center[:, 1] += np.arange(11) * 8
    pushed, wall = separate_objects([left, right], np.array((10.0, 10.0)), np.array((False, True)))
    np.testing.assert_array_equal(wall.center, right.center)
    assert pushed.center[-1, 1] == pytest.approx(41)


def test_the_far_and_the_single_are_left_alone() -> None:
    rng = np.random.default_rng(0)
    one, two = (living_motion(rng, np.array((0.0, x)), 9, 1.0) for x in (0.0, 500.0))
    for before, after in zip(
        (one, two), separate_objects([one, two], np.full(2, 9.0)), strict=True
    ):
        np.testing.assert_allclose(before.center, after.center, atol=1e-9)
    assert separate_objects([one], np.array([9.0])) == [one]


def covered(crossing: bool) -> float:
    """Share of objects' areas, on the last frame, that lies behind others."""
    shares = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        lifecycle = Lifecycle(speed=0.2, crossing=crossing)
        scene = draw_scene(Style.SHAPES, rng, 16, lifecycle, (512, 512), ObjectCount(40, 14.0))
        alone = [replace(scene, sprites=[s], motions=[m]) for s, m in zip_scene(scene)]
        areas = sum(int((s.render().labels[-1] > 0).sum()) for s in alone)
        shares.append(1 - (scene.render().labels[-1] > 0).sum() / areas)
    return float(np.mean(shares))


def zip_scene(scene):
    return zip(scene.sprites, scene.motions, strict=True)


@pytest.mark.slow
def test_movies_keep_objects_apart_unless_told_otherwise() -> None:
    assert covered(crossing=False) < 0.6 * covered(crossing=True)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), style=st.sampled_from(list(Style)))
def test_a_look_that_is_drawn_stands_out(seed: int, style: Style) -> None:
    look = draw_appearance(style, np.random.default_rng(seed))
    shown = np.clip([look.body, look.body + look.rim, look.ground + look.halo], 0, 1)
    assert np.abs(shown - np.clip(look.ground, 0, 1)).max() > look.ground_texture + 0.1


def test_white_on_white_does_not_stand_out() -> None:
    look = draw_appearance(Style.SHAPES, np.random.default_rng(0))
    white = replace(look, ground=0.98, ground_texture=0.15, halo=0.1, rim=0.3)
    assert not white.is_visible(0.99)
    assert white.is_visible(0.4)


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_packed_objects_touch_another_one(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    radii = rng.uniform(5, 20, count)
    places = np.array(pack(radii, SHAPE, rng))
    assert places.shape == (count, 2)
    apart = np.linalg.norm(places[:, None] - places, axis=2) / (radii[:, None] + radii)
    np.fill_diagonal(apart, np.inf)
    alone = int((apart.min(1) > 1.11).sum())
    assert alone <= 1 + count // 6


def test_packed_objects_lie_in_the_picture_and_hardly_cover_each_other() -> None:
    rng = np.random.default_rng(0)
    radii = np.full(20, 10.0)
    places = np.concatenate([pack(radii, SHAPE, rng) for _ in range(20)])
    assert ((places >= 0) & (places <= SHAPE)).all(1).mean() > 0.95
    one = np.array(pack(radii, SHAPE, rng))
    apart = np.linalg.norm(one[:, None] - one, axis=2)[np.triu_indices(20, 1)]
    assert (apart < 14).mean() < 0.02


@pytest.mark.parametrize("frames", [1, 8])
def test_some_stories_begin_packed(frames: int) -> None:
    rng = np.random.default_rng(1)
    share = np.mean([draw_lifecycle(rng, frames).packed for _ in range(400)])
    assert 0.15 < share < 0.35
