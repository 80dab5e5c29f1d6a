from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.pyramid import read_downsampled
from napari_sam2.images.view import View, ViewPolicy
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.tuning import TARGET_SHARE
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, ViewRequest, share_views
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.plane_prompts import PlanePrompts
from tests.helpers.scenes import session_of


class Plane:
    """Only its shape and levels matter."""

    def __init__(self, shape, levels=(1, 2, 4)):
        self.shape = shape
        self.levels = levels


def points_out(view, yx):
    """Invert ``view.points_in``."""
    return (yx + 0.5) * view.factor - 0.5 + np.array(view.window.offset)


def encoder(shape):
    return ViewEncoder(Plane(shape), None, None, FeatureCache(0))


def placement(shape, view="auto", size=256, levels=(1, 2, 4)):
    return ViewPlacement(shape, levels, size, 16, ViewPolicy.parse(view))


shapes = st.tuples(st.integers(16, 300), st.integers(16, 300))
sides = st.sampled_from([32, 48, 64, 96, 128, 256, 384, 512])


@st.composite
def placed(draw):
    """A plane, a mask on it, and a view that need not hold all of it."""
    shape = draw(shapes)
    y, x = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    window = Window(y, x, y + height, x + width).clip(shape)
    mask = np.random.default_rng(draw(st.integers(0, 99))).random(window.shape) > 0.4
    view = placement(shape).place(window.shift(draw(st.integers(-9, 9)), 0), draw(sides))
    return shape, MaskCrop.from_mask(mask, window.offset, 8.0), view


@given(placed())
@settings(max_examples=200, deadline=None)
def test_mask_pasted_back_from_any_window_is_the_mask_cut_out(case):
    shape, patch, view = case
    eye = encoder(shape)
    view = View(view.window, zoomed=True)
    back = eye.mask_to_plane(view, eye.mask_to_view(view, patch))
    expected = np.zeros(shape, bool)
    expected[patch.window.slices] = patch.logits > 0
    outside = np.ones(shape, bool)
    outside[view.window.clip(shape).slices] = False
    expected &= ~outside
    found = np.zeros(shape, bool)
    found[back.window.slices] = back.logits > 0
    np.testing.assert_array_equal(found, expected)


@given(placed(), st.sampled_from([2, 4]))
@settings(max_examples=60, deadline=None)
def test_blocky_mask_survives_a_coarse_level(case, factor):
    """At a coarse level a mask of whole blocks keeps its center; no half-pixel drift."""
    view = case[2]
    side = view.side - view.side % (4 * factor)
    view = View(Window(0, 0, side, side), zoomed=True, factor=factor)
    eye = encoder((side, side))
    low, high = side // 4 // factor * factor, 3 * side // 4 // factor * factor
    mask = np.ones((high - low, high - low), bool)
    back = eye.mask_to_plane(
        view, eye.mask_to_view(view, MaskCrop.from_mask(mask, (low, low), 8.0))
    )
    box = back.box
    assert (box.y0 + box.y1, box.x0 + box.x1) == (low + high, low + high)
    assert abs(box.y0 - low) <= factor


@given(placed(), st.sampled_from([1, 2, 4]), st.floats(0, 299), st.floats(0, 299))
@settings(deadline=None)
def test_points_map_there_and_back(case, factor, y, x):
    view = View(case[2].window, zoomed=True, factor=factor)
    point = np.array([[y, x]])
    back = points_out(view, np.round(view.points_in(point)))
    assert np.all(np.abs(points_out(view, view.points_in(point)) - point) < 1e-9)
    assert np.all(np.abs(back - point) <= factor / 2)


@given(placed())
@settings(deadline=None)
def test_the_view_encodes_the_pixels_under_the_prompt(case):
    shape, _, view = case
    plane = (np.arange(shape[0] * shape[1]).reshape(shape) % 251).astype(np.uint8)
    session = session_of(plane[None])
    image = session.encoder.image((0,), View(view.window, zoomed=True))
    assert image.shape == (*view.window.shape, 3)
    y, x = view.window.clip(shape).offset
    row, column = view.points_in(np.array([[y, x]], float))[0].astype(int)
    assert image[row, column, 0] == plane[y, x]


@given(shapes, st.integers(0, 299), st.integers(0, 299), sides)
def test_windows_are_square_lie_on_the_grid_and_hold_their_object(shape, y, x, side):
    rule = placement(shape)
    box = Window(min(y, shape[0] - 1), min(x, shape[1] - 1), 0x7FFF, 0x7FFF).clip(shape)
    box = Window(box.y0, box.x0, min(box.y0 + side // 3, box.y1), min(box.x0 + side // 3, box.x1))
    view = rule.place(box, side)
    pitch = rule.pitch(side)
    assert view.window.shape == (side, side)
    assert view.window.y0 % pitch == view.window.x0 % pitch == 0
    assert view.window.contains(box)
    for length, start in zip(shape, view.window.offset, strict=True):
        if length >= side:
            assert 0 <= start <= length - side + pitch


@given(st.lists(st.tuples(st.integers(0, 1900), st.integers(0, 1900)), min_size=1, max_size=30))
@settings(deadline=None)
def test_every_object_gets_a_window_that_holds_what_it_needs(corners):
    rule = placement((2048, 2048))
    wanted = []
    for number, (y, x) in enumerate(corners, 1):
        box = Window(y, x, y + 24, x + 24)
        wanted.append(ViewRequest(number, rule.need(box, (3.0, -2.0), 128), 128))
    views = share_views(wanted, rule)
    for item in wanted:
        assert views[item.object_id].window.contains(item.need)


def test_a_window_stays_while_it_holds_its_object():
    rule = placement((2048, 2048))
    box = Window(500, 500, 524, 524)
    before = rule.place(box, 128)
    moved = ViewRequest(1, rule.need(box.shift(10, -8), (0.0, 0.0), 128), 128, before)
    assert share_views([moved], rule) == {1: before}


def test_forty_nuclei_in_six_clusters_need_at_most_twenty_windows():
    rng = np.random.default_rng(4)
    rule = placement((2048, 2048))
    centers = [
        c + rng.uniform(-45, 45, 2) for c in rng.uniform(150, 1900, (6, 2)) for _ in range(7)
    ][:40]
    boxes = [Window(int(y) - 12, int(x) - 12, int(y) + 12, int(x) + 12) for y, x in centers]
    sides = {rule.first_side(box) for box in boxes}
    assert len(sides) == 1
    side = sides.pop()
    wanted = [ViewRequest(i, rule.need(b, (7.0, 7.0), side), side) for i, b in enumerate(boxes)]
    assert len(set(share_views(wanted, rule).values())) <= 20


@pytest.mark.parametrize(
    ("shape", "extent", "zoomed"),
    [
        ((2048, 2048), 24, True),
        ((2048, 2048), 127, True),
        ((2048, 2048), 129, True),
        ((2048, 2048), 520, False),
        ((256, 256), 10, True),
        ((16, 16), 8, False),
        ((496, 1022), 20, True),
        ((2000, 100), 10, True),
        ((60_000, 60_000), 40, True),
    ],
)
def test_auto_zooms_on_small_objects_only(shape, extent, zoomed):
    side = placement(shape).first_side(Window(0, 0, extent, extent))
    assert (side is not None) == zoomed


def test_object_larger_than_half_the_plane_is_seen_in_full():
    for view in ("zoom", "zoom:64", "auto"):
        assert placement((256, 256), view).first_side(Window(10, 10, 200, 200)) is None


def test_a_window_given_in_pixels_grows_only_for_objects_that_outgrow_it():
    rule = placement((2048, 2048), "zoom:100")
    assert rule.first_side(Window(0, 0, 30, 30)) == 112
    assert rule.first_side(Window(0, 0, 90, 90)) > 180


def test_scale_is_kept_until_the_object_outgrows_its_window():
    rule = placement((2048, 2048))
    assert rule.later_side(128, Window(0, 0, 24, 24)) == 128
    assert rule.later_side(128, Window(0, 0, 60, 60)) == 128
    assert rule.later_side(128, Window(0, 0, 70, 70)) == 256
    assert rule.later_side(384, Window(0, 0, 20, 20)) == 96


@given(st.integers(1, 1500), st.sampled_from([256, 384, 1024]))
def test_an_object_spans_at_most_the_target_share_of_its_view(extent, size):
    rule = ViewPlacement((4000, 4000), (1,), size, 16, ViewPolicy.parse("zoom"))
    side = rule.side_around(Window(0, 0, extent, extent))
    assert extent / side <= TARGET_SHARE
    smallest = rule.side_for(1)
    assert side == smallest or extent / side > TARGET_SHARE / 2


def test_pyramid_level_fits_the_window():
    rule = placement((8192, 8192), levels=(1, 2, 4, 8))
    box = Window(0, 0, 10, 10)
    assert rule.place(box, 256).factor == 1
    assert rule.place(box, 512).factor == 2
    assert rule.place(box, 1024).factor == 4
    assert rule.full.factor == 8


@pytest.mark.parametrize(
    ("text", "policy"),
    [("auto", "auto"), ("full", "full"), ("zoom", "zoom"), ("zoom:96", "zoom:96")],
)
def test_policy_reads_what_it_writes(text, policy):
    assert str(ViewPolicy.parse(text)) == policy


@pytest.mark.parametrize("text", ["", "zoom:", "zoom:3", "zoom:-4", "full:3", "auto:", "near"])
def test_policy_refuses_other_words(text):
    with pytest.raises(UserError, match="Cannot read the view"):
        ViewPolicy.parse(text)


def test_points_outside_the_view_are_not_asked():
    eye = encoder((100, 100))
    view = View(Window(20, 20, 52, 52), zoomed=True)
    points = np.array([[30.0, 30.0], [90.0, 90.0]])
    asked = eye.prompts_to_view(view, PlanePrompts(points, np.array([1, 0])))
    np.testing.assert_array_equal(asked.points, [[10.0, 10.0]])
    np.testing.assert_array_equal(asked.labels, [1])


def test_huge_plane_without_a_pyramid_is_seen_in_full_by_blocks():
    view = placement((60_000, 60_000), "full", levels=(1,)).full
    assert view.factor == 8
    assert view.image_shape == (7500, 7500)


@given(st.integers(1, 50), st.integers(1, 50), st.sampled_from([2, 4, 8]))
def test_reduced_image_is_the_mean_of_blocks(height, width, factor):
    plane = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    window = Window(0, 0, height, width)
    reduced = read_downsampled(lambda strip: plane[strip.slices], window, factor)
    assert reduced.shape == (-(-height // factor), -(-width // factor), 3)
    corner = plane[:factor, :factor].astype(float)
    if corner.shape[:2] == (factor, factor):
        assert np.all(np.abs(reduced[0, 0] - corner.mean(axis=(0, 1))) <= 0.5 + 1e-3)


@pytest.mark.parametrize(("size", "zoomed"), [(256, True), (384, True), (1024, False)])
def test_small_inputs_zoom_on_what_spans_few_tokens(size, zoomed):
    box = Window(0, 0, 150, 150)
    usual = ViewPlacement((1200, 1200), (1,), size, 16, ViewPolicy())
    assert (usual.first_side(box) is not None) == zoomed


def test_a_plane_that_is_not_shrunk_is_zoomed_by_share_alone():
    placement = ViewPlacement((300, 300), (1,), 384, 16, ViewPolicy())
    assert placement.first_side(Window(0, 0, 30, 30)) is None
    assert placement.first_side(Window(0, 0, 15, 15)) is not None
