from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam2_model.training.synthetic.lifecycle import draw_lifecycle
from sam2_model.training.synthetic.placement import packed

SHAPE = (256, 200)


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_packed_objects_touch_another_one(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    radii = rng.uniform(5, 20, count)
    places = np.array(packed(radii, SHAPE, rng))
    assert places.shape == (count, 2)
    apart = np.linalg.norm(places[:, None] - places, axis=2) / (radii[:, None] + radii)
    np.fill_diagonal(apart, np.inf)
    alone = int((apart.min(1) > 1.11).sum())
    assert alone <= 1 + count // 6


def test_packed_objects_lie_in_the_picture_and_hardly_cover_each_other() -> None:
    rng = np.random.default_rng(0)
    radii = np.full(20, 10.0)
    places = np.concatenate([packed(radii, SHAPE, rng) for _ in range(20)])
    assert ((places >= 0) & (places <= SHAPE)).all(1).mean() > 0.95
    one = np.array(packed(radii, SHAPE, rng))
    apart = np.linalg.norm(one[:, None] - one, axis=2)[np.triu_indices(20, 1)]
    assert (apart < 14).mean() < 0.02


@pytest.mark.parametrize("frames", [1, 8])
def test_some_stories_begin_packed(frames: int) -> None:
    rng = np.random.default_rng(1)
    share = np.mean([draw_lifecycle(rng, frames).packed for _ in range(400)])
    assert 0.15 < share < 0.35
