"""What the model sees: one rule for the whole stack."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import CT_WINDOWS, Intensity, choose_intensity
from napari_sam2.images.plane_readers import MissingValueMonitor, PlaneRequest, Prefetcher
from napari_sam2.images.sampling import robust_limits, sample_windows
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import CountingStore, noise

TYPES = ("b1", "u1", "i1", "u2", "i2", "u4", "i4", "i8", "f2", "f4", "f8")
finite = st.floats(-1e6, 1e6)
placement = st.builds(
    lambda low, width, gamma, colour: Intensity(((low, low + width),), (gamma,), (colour,)),
    finite,
    st.floats(1e-3, 1e6),
    st.floats(0.2, 5),
    st.tuples(*[st.floats(0, 1)] * 3),
)
planes = st.sampled_from(TYPES).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))
)


@given(planes, placement)
def test_a_frame_looks_the_same_alone_and_among_others(stack, rule):
    together = np.concatenate([rule.to_rgb(plane[None]) for plane in stack])
    side_by_side = rule.to_rgb(stack.reshape(1, -1, stack.shape[2]))
    np.testing.assert_array_equal(together, side_by_side)


@given(placement, st.lists(finite, min_size=2, max_size=20))
def test_brighter_values_never_look_darker(rule, values):
    shown = rule.to_rgb(np.sort(np.array(values))[None, None]).astype(int)
    assert (np.diff(shown, axis=1) >= 0).all()


@given(finite, st.floats(1e-3, 1e6), st.floats(0.2, 5), st.sampled_from(("f4", "f8", "i4")))
def test_limits_are_black_and_white(low, width, gamma, kind):
    limits = np.array([low, low + width]).astype(kind).astype(float)
    if limits[0] >= limits[1]:
        return
    rule = Intensity((tuple(limits),), (gamma,))
    edge = np.array([[limits]]).astype(kind)
    assert rule.to_rgb(edge)[0].tolist() == [[0] * 3, [255] * 3]
    beyond = np.array([[[limits[0] - 1, limits[1] + 1]]])
    assert rule.to_rgb(beyond)[0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2"])
def test_the_table_for_small_integers_is_the_formula(kind):
    info = np.iinfo(kind)
    plane = np.arange(info.min, info.max + 1).astype(kind)
    plane = np.resize(plane, (1, 300, 300))
    rule = Intensity(((info.min / 3, info.max / 2),), (0.7,))
    slow = rule.to_rgb(plane.astype(np.float64))
    np.testing.assert_array_equal(rule.to_rgb(plane), slow)


def test_eight_bit_passes_unchanged():
    grey, rgb = noise((3, 8, 9), "uint8"), noise((3, 8, 9, 3), "uint8")
    for array, expected in ((grey, np.stack([grey[1]] * 3, -1)), (rgb, rgb[1])):
        stack = open_stack(array)
        shown = choose_intensity(stack).to_rgb(stack.read((1,)))
        np.testing.assert_array_equal(shown, expected)
        assert shown.dtype == np.uint8


def test_booleans_are_black_and_white():
    stack = open_stack(noise((3, 8, 9), "bool"))
    shown = choose_intensity(stack).to_rgb(stack.read((1,)))
    np.testing.assert_array_equal(shown[..., 0] > 0, stack.read((1,))[0])
    assert set(np.unique(shown)) == {0, 255}


def test_channels_are_added_in_their_colours():
    rule = Intensity(((0, 10), (0, 10)), colors=((0, 1, 0), (1, 0.5, 1)))
    shown = rule.to_rgb(np.array([[[10, 0, 10]], [[0, 10, 10]]]))
    assert shown[0].tolist() == [[0, 255, 0], [255, 128, 255], [255, 255, 255]]


def test_nan_is_the_minimum_and_infinities_the_limits():
    rule = Intensity(((-5, 5),), (0.5,))
    shown = rule.to_rgb(np.array([[[np.nan, np.inf, -np.inf, -5, 5]]], np.float32))
    assert shown[0, :, 0].tolist() == [0, 255, 0, 0, 255]


@pytest.mark.parametrize("ahead", [False, True])
def test_nan_is_said_once(ahead):
    array = noise((4, 8, 9), "float32")
    array[1:, 3] = np.nan
    array[2] = np.nan
    said = []
    watch = MissingValueMonitor(open_stack(array, axes="TYX"), said.append)
    with Prefetcher(watch) as reader:
        if ahead:
            reader.prefetch([PlaneRequest((1,)), PlaneRequest((2,))])
        for frame in range(4):
            np.testing.assert_array_equal(reader.read(reader.index(frame))[0], array[frame])
    assert said == ["Plane (1) holds some NaN: shown as black, here and after."]


def test_a_plane_of_nan_is_said_to_be_one():
    said = []
    array = np.full((2, 8, 9), np.nan)
    MissingValueMonitor(open_stack(array, axes="TYX"), said.append).read((1,))
    assert "nothing but NaN" in said[0]
    MissingValueMonitor(open_stack(noise((2, 8, 9))), said.append).read((1,))
    assert len(said) == 1


@pytest.mark.parametrize("value", [0, -1000, 65535, 1e30, np.nan, np.inf])
def test_constant_stacks_are_shown_without_ado(value):
    stack = open_stack(np.full((3, 8, 9), value, np.float64))
    rule = choose_intensity(stack)
    assert (rule.to_rgb(stack.read((0,))) == rule.to_rgb(stack.read((0,)))[0, 0]).all()


def test_percentiles_ignore_a_few_hot_pixels():
    values = np.random.default_rng(0).normal(100, 10, 10**6)
    values[:5] = 65535
    low, high = robust_limits(values)
    assert 60 < low < 75
    assert 125 < high < 140


def test_rare_bright_objects_still_have_grey_levels():
    values = np.random.default_rng(0).normal(100, 10, 10**6)
    values[:300] = np.linspace(2000, 4000, 300)
    _, high = robust_limits(values)
    assert 3000 < high <= 4000


@pytest.mark.parametrize("background", [0.0, 4000.0])
def test_a_constant_background_does_not_hide_what_differs(background):
    values = np.full(10**6, background)
    values[:300] = np.linspace(1000, 2000, 300)
    low, high = robust_limits(values)
    assert low == min(background, low)
    assert low < high
    shown = Intensity(((low, high),)).to_rgb(values[None, None, ::1])
    assert len(np.unique(shown[0, :300, 0])) > 50


@given(hnp.arrays("f8", st.integers(0, 50), elements=st.floats(-1e100, 1e100)))
def test_limits_always_rise(values):
    low, high = robust_limits(values)
    Intensity(((low, high),))


class Counted:
    """A movie that counts its reads."""

    def __init__(self, array, chunks):
        self.array, self.chunks, self.keys = array, chunks, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        self.keys.append(key)
        return self.array[key]


@pytest.mark.parametrize("frames", [1, 7, 40, 4000])
def test_at_most_32_chunks_spread_over_the_stack(frames):
    lazy = Counted(np.broadcast_to(np.uint16(5), (frames, 256, 256)), (1, 64, 64))
    stack = open_stack(lazy, axes="TYX")
    choose_intensity(stack)
    read = [key[0] for key in lazy.keys]
    assert len(read) <= 32
    assert len(set(read)) == min(frames, 32)
    assert max(read) - min(read) >= 0.9 * (frames - 1) - 1
    assert len({str(key) for key in lazy.keys}) == len(lazy.keys)


def test_large_chunks_are_fewer():
    lazy = Counted(np.broadcast_to(np.uint16(5), (100, 8192, 8192)), (1, 4096, 4096))
    taken = list(sample_windows(open_stack(lazy, axes="TYX")))
    assert len(taken) == 4


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_a_slide_is_sampled_within_32_mb(tmp_path, side):
    path = tmp_path / "slide.zarr"
    zarr.create_array(
        path, shape=(60_000, 60_000), chunks=(side, side), dtype="u2", compressors=None
    )
    slide = zarr.open_array(path, mode="r+")
    spread = sample_windows(open_stack(slide))
    for _, window in spread:
        slide[window.slices] = np.arange(side * side, dtype="u2").reshape(side, side) % 3000
    store = CountingStore(path)
    stack = open_stack(zarr.open_array(store, mode="r"))
    rule = choose_intensity(stack)
    stack.read((), Window(30_000, 30_000, 31_024, 31_024))
    assert 2900 < rule.limits[0][1] <= 3000
    assert 0 < store.bytes <= 32 << 20


def test_every_chunk_is_looked_at_where_there_are_few():
    lazy = Counted(noise((2, 60, 60)), (1, 32, 32))
    taken = {(index, window) for index, window in sample_windows(open_stack(lazy, axes="TYX"))}
    assert len(taken) == 8
    assert ((1,), Window(32, 32, 60, 60)) in taken


def test_windows_by_name():
    assert Intensity.window("CT-Lung").limits == ((-1350.0, 150.0),)
    assert all(Intensity.window(name).limits for name in CT_WINDOWS)
    with pytest.raises(UserError, match=r"ct-abdomen.*MR has no standard window"):
        Intensity.window("mr-brain")


def test_the_choice_of_limits():
    stack = open_stack(noise((3, 2, 8, 9)), axes="TCYX")
    assert choose_intensity(stack, contrast=(5, 10)).limits == ((5, 10), (5, 10))
    assert choose_intensity(stack, contrast=[(5, 10), (1, 2)]).limits == ((5, 10), (1, 2))
    assert choose_intensity(stack, window="ct-brain").limits == ((0, 80), (0, 80))
    for contrast in ((5, 5), (6, 5), (np.nan, 5), (1, 2, 3), [(1, 2)] * 3):
        with pytest.raises(UserError):
            choose_intensity(stack, contrast=contrast)
    with pytest.raises(UserError, match="not both"):
        choose_intensity(stack, contrast=(1, 2), window="ct-lung")


@pytest.mark.parametrize("gamma", [(0.0,), (-1.0,), (1.0, 1.0)])
def test_wrong_gamma_is_refused(gamma):
    with pytest.raises(UserError):
        Intensity(((0, 1),), gamma)


def test_the_number_of_channels_must_fit():
    with pytest.raises(ValueError, match="limits for 1 channels"):
        Intensity(((0, 1),)).to_rgb(np.zeros((2, 4, 4)))


def test_rgb_of_more_bits_shares_its_limits():
    stack = open_stack(noise((2, 8, 9, 3)), axes="TYXS")
    assert len(set(choose_intensity(stack).limits)) == 1
