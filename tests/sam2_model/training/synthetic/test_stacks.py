"""Generated movies and volumes: the same for the same seed, with labels that fit the pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sam2_model.training.synthetic.generator import (
    Encoding,
    MovieSpec,
    Style,
    VolumeSpec,
    generate_movie,
    generate_volume,
)
from sam2_model.training.synthetic.lifecycle import Lifecycle
from sam2_model.training.synthetic.noise import noise

SMALL = {"shape": (96, 112)}


@pytest.mark.parametrize("style", Style)
def test_a_seed_gives_one_movie_and_another_seed_another(style: Style) -> None:
    spec = MovieSpec(style, frames=4, radius=12.0, **SMALL)
    first, again, other = (generate_movie(spec, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, other.images)
    assert first.labels.shape == (4, 96, 112)
    assert len(first.axes) == first.images.ndim
    assert first.labels.any()


@pytest.mark.parametrize("style", Style)
def test_a_seed_gives_one_volume(style: Style) -> None:
    spec = VolumeSpec(style, slices=6, radius=12.0, **SMALL)
    first, again = generate_volume(spec, 8), generate_volume(spec, 8)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.axes[0] == "Z"
    assert first.labels.any()


@pytest.mark.parametrize(
    ("encoding", "dtype"),
    [(Encoding.BYTES, "uint8"), (Encoding.CAMERA, "uint16"), (Encoding.HOUNSFIELD, "int16")],
)
def test_numbers_are_stored_as_asked(encoding: Encoding, dtype: str) -> None:
    stack = generate_volume(VolumeSpec(slices=3, encoding=encoding, **SMALL), 0)
    assert stack.images.dtype == dtype
    assert stack.images.min() < stack.images.max()


def test_labels_lie_where_the_light_is() -> None:
    spec = MovieSpec(frames=3, count=8, radius=10.0, lifecycle=Lifecycle(), shading=0.0, noise=0.0)
    stack = generate_movie(spec, 1)
    inside, outside = stack.images[stack.labels > 0], stack.images[stack.labels == 0]
    assert np.median(inside) > 2 * np.median(outside)


def test_daughters_take_the_place_of_their_mother() -> None:
    spec = MovieSpec(frames=16, count=12, radius=12.0, lifecycle=Lifecycle(speed=0.0, divided=1.0))
    stack = generate_movie(spec, 2)
    assert len(stack.parents) == 24
    frames = {v: set(np.flatnonzero((stack.labels == v).any((1, 2)))) for v in range(1, 37)}
    pairs = [(m, d) for d, m in stack.parents.items() if frames[m] and frames[d]]
    assert len(pairs) >= 12
    for mother, daughter in pairs:
        assert max(frames[mother]) < min(frames[daughter])


def test_a_gap_hides_an_object_and_gives_it_back_its_number() -> None:
    lifecycle = Lifecycle(speed=0.0, hidden=1.0, longest_gap=0.3)
    spec = MovieSpec(frames=20, count=3, radius=8.0, shape=(256, 256), lifecycle=lifecycle)
    labels = generate_movie(spec, 6).labels
    seen = np.stack([(labels == v).any((1, 2)) for v in (1, 2, 3)])
    assert (~seen).any(1).all()
    assert ((~seen).sum(1) <= 6).all()
    assert seen.any(1).all()


def test_solids_begin_swell_and_end_along_z() -> None:
    labels = generate_volume(VolumeSpec(slices=40, count=14, radius=12.0), 3).labels
    areas = [np.count_nonzero(labels == v, axis=(1, 2)) for v in range(1, 15)]
    within = [a for a in areas if a.any() and a[0] == a[-1] == 0]
    assert len(within) >= 3
    for area in within:
        seen = np.flatnonzero(area)
        assert area.max() > area[seen[0]] or area.max() > area[seen[-1]]


def test_bleaching_and_defocus_change_the_picture_but_not_the_truth() -> None:
    lifecycle = Lifecycle(speed=0.0)
    plain = generate_movie(MovieSpec(frames=8, bleaching=0.0, noise=0.0, lifecycle=lifecycle), 4)
    bleached = generate_movie(MovieSpec(frames=8, bleaching=0.1, noise=0.0, lifecycle=lifecycle), 4)
    blurred = generate_movie(
        MovieSpec(frames=8, bleaching=0.0, blur=1.0, noise=0.0, lifecycle=lifecycle), 4
    )
    np.testing.assert_array_equal(plain.labels, bleached.labels)
    assert bleached.images[-1].mean() < 0.7 * plain.images[-1].mean()
    sharp, soft = (
        np.abs(ndimage.laplace(s.images[0].astype(float))).mean() for s in (plain, blurred)
    )
    assert soft < 0.6 * sharp


def test_membranes_part_cells_that_fill_the_picture() -> None:
    spec = MovieSpec(Style.MEMBRANES, frames=3, radius=20.0, lifecycle=Lifecycle())
    labels = generate_movie(spec, 5).labels
    assert np.count_nonzero(labels) > 0.5 * labels.size
    right, left = labels[:, :, 1:], labels[:, :, :-1]
    touching = (right != left) & (right > 0) & (left > 0)
    assert np.count_nonzero(touching) < 0.05 * np.count_nonzero(right != left)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    grain=st.floats(0.1, 200),
)
def test_noise_has_the_asked_shape_and_no_mean(
    seed: int, height: int, width: int, grain: float
) -> None:
    field = noise(np.random.default_rng(seed), (height, width), grain)
    assert field.shape == (height, width)
    assert field.dtype == np.float32
    assert np.isfinite(field).all()


def test_coarser_noise_is_smoother() -> None:
    def roughness(grain: float) -> float:
        field = noise(np.random.default_rng(0), (128, 128), grain)
        return float(np.abs(np.diff(field, axis=0)).mean())

    assert roughness(40) < 0.5 * roughness(10) < 0.5 * roughness(2)
