from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.tracking.ownership import Contender, Precedence, settle
from tests.helpers.mask_strategies import PLANE, windows


@st.composite
def contenders(draw, object_id, precedences=tuple(Precedence)):
    window = draw(windows())
    steps = draw(arrays(np.int8, window.shape, elements=st.integers(-3, 6)))
    return Contender(
        object_id,
        MaskCrop(window, steps.astype(np.float32) / 8),
        draw(st.sampled_from(precedences)),
        draw(st.sampled_from([0.5, 1.0, float("nan")])),
        fixed=draw(st.booleans()),
    )


frames = st.lists(st.integers(1, 9), unique=True, max_size=6).flatmap(
    lambda ids: st.tuples(*(contenders(object_id) for object_id in ids))
)


def owned(contender, ownership):
    """The pixels of the plane that an object owns."""
    plane = np.zeros(PLANE, bool)
    if contender.object_id not in ownership.excluded:
        mask = contender.crop.logits > 0
        lost = ownership.lost.get(contender.object_id, np.zeros_like(mask))
        assert not (lost & ~mask).any()
        plane[contender.crop.window.slices] = mask & ~lost
    return plane


def key(contender, y, x):
    step = contender.steps[y - contender.crop.window.y0, x - contender.crop.window.x0]
    return contender.precedence, step, contender.order


def beats(one, other, y, x):
    """Whether a mask keeps a pixel from another one; the lower id does where one is fixed."""
    first, second = key(one, y, x), key(other, y, x)
    if one.fixed or other.fixed:
        first, second = (*first[:2], -one.object_id), (*second[:2], -other.object_id)
    return first > second


@given(frames)
def test_each_pixel_goes_to_the_strongest_of_the_remaining_masks(frame):
    ownership = settle(frame)
    free = [c for c in frame if not c.fixed]
    for y, x in np.ndindex(*PLANE):
        here = Window(y, x, y + 1, x + 1)
        masks = [
            c
            for c in frame
            if c.object_id not in ownership.excluded
            if c.crop.window.contains(here) and c.crop.part(here) > 0
        ]
        owners = [c for c in free if owned(c, ownership)[y, x]]
        expected = [
            c
            for c in masks
            if not c.fixed and all(beats(c, other, y, x) for other in masks if other is not c)
        ]
        assert owners == expected


@given(frames)
def test_owned_areas_add_up_to_the_union(frame):
    """Fixed masks may overlap others; without them each pixel is counted once."""
    frame = [replace(c, fixed=False) for c in frame]
    ownership = settle(frame)
    kept = [c for c in frame if c.object_id not in ownership.excluded]
    union = np.zeros(PLANE, bool)
    for contender in kept:
        union[contender.crop.window.slices] |= contender.crop.logits > 0
    total = sum((owned(c, ownership).astype(int) for c in kept), np.zeros(PLANE, int))
    np.testing.assert_array_equal(total, union)


@given(frames)
def test_only_tracked_masks_are_excluded_and_the_others_keep_half(frame):
    ownership = settle(frame)
    by_id = {c.object_id: c for c in frame}
    assert all(by_id[object_id].excludable for object_id in ownership.excluded)
    for contender in frame:
        if contender.fixed:
            assert contender.object_id not in ownership.lost
        elif contender.excludable and contender.object_id not in ownership.excluded:
            assert 2 * owned(contender, ownership).sum() >= contender.crop.area


@given(frames, st.randoms())
def test_order_does_not_matter(frame, random):
    shuffled = random.sample(frame, len(frame))
    one, other = settle(frame), settle(shuffled)
    assert one.excluded == other.excluded
    assert one.lost.keys() == other.lost.keys()
    for object_id, lost in one.lost.items():
        np.testing.assert_array_equal(lost, other.lost[object_id])


def bar(object_id, columns, logit, precedence=Precedence.TRACKED):
    """A row of pixels from one column to another."""
    first, stop = columns
    logits = np.full((1, stop - first), logit, np.float32)
    return Contender(object_id, MaskCrop(Window(0, first, 1, stop), logits), precedence)


def test_pixels_of_an_excluded_object_return_to_the_others():
    """2 takes most of 1, and loses most of itself to 3, so that 1 keeps its pixels."""
    frame = [bar(1, (0, 5), 1), bar(2, (2, 12), 2), bar(3, (4, 14), 3)]
    ownership = settle(frame)
    assert ownership.excluded == {2}
    assert list(ownership.lost) == [1]
    assert ownership.lost[1].tolist() == [[False, False, False, False, True]]


@pytest.mark.parametrize(("kept", "excluded"), [(5, set()), (4, {1})])
def test_an_object_may_lose_half_of_its_mask(kept, excluded):
    assert settle([bar(1, (0, 10), 1), bar(2, (kept, 20), 2)]).excluded == excluded


def test_one_of_three_equal_masks_stays():
    ownership = settle([bar(i, (0, 9), 1) for i in (3, 1, 2)])
    assert ownership.excluded == {2, 3}
    assert ownership.lost == {}


def test_precedence_comes_before_logits():
    tracked, prompted = bar(1, (0, 9), 9), bar(2, (0, 9), 1, Precedence.PROMPTED)
    accepted = replace(bar(3, (0, 9), 0.1, Precedence.PROTECTED), fixed=True)
    assert settle([tracked, prompted]).excluded == {1}
    with_accepted = settle([tracked, prompted, accepted])
    assert with_accepted.excluded == {1}
    assert with_accepted.lost[2].all()
