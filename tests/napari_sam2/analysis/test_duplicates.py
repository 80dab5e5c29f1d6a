from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.analysis.duplicates import Duplicate, duplicate_messages, find_duplicates
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.store import MaskRecord, MemoryMaskStore

STACK = open_stack(np.zeros((3, 40, 40), np.uint8), axes="TYX")


def _store(*masks):
    store = MemoryMaskStore()
    store.put(MaskRecord.from_mask(i, (frame,), mask, offset) for i, frame, mask, offset in masks)
    return store


def _disc(radius=8):
    rows, columns = np.mgrid[-10:11, -10:11]
    return rows**2 + columns**2 <= radius**2


def test_objects_with_the_same_pixels_are_found_with_their_frames():
    store = _store(
        (1, 0, _disc(), (5, 5)),
        (2, 0, _disc(), (5, 5)),
        (1, 1, _disc(), (5, 6)),
        (2, 1, _disc(), (5, 6)),
        (3, 1, _disc(), (15, 15)),
        (4, 2, _disc(), (5, 5)),
    )
    assert find_duplicates(store, STACK) == (Duplicate(1, 2, 2),)


@pytest.mark.parametrize("other", [_disc(5), np.ones((17, 17)), _disc() & ~_disc(4)])
def test_nested_objects_and_equal_boxes_are_not_duplicates(other):
    offset = (5 + (21 - len(other)) // 2,) * 2
    store = _store((1, 0, _disc(), (5, 5)), (2, 0, other, offset))
    assert find_duplicates(store, STACK) == ()


def test_masks_of_other_stacks_do_not_count():
    one = open_stack(np.zeros((1, 40, 40), np.uint8), axes="TYX")
    store = _store((1, 2, _disc(), (5, 5)), (2, 2, _disc(), (5, 5)))
    assert find_duplicates(store, one) == ()


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(4, 8)), min_size=2, max_size=6
    )
)
def test_pairs_are_those_of_all_masks_compared_pixel_by_pixel(discs):
    planes = []
    for y, x, radius in discs:
        plane = np.zeros((40, 40), bool)
        plane[y : y + 21, x : x + 21] = _disc(radius)
        planes.append(plane)
    store = _store(*((i, 0, plane, (0, 0)) for i, plane in enumerate(planes, 1)))
    pairs = {
        (i, j)
        for j, b in enumerate(planes, 1)
        for i, a in enumerate(planes[: j - 1], 1)
        if (a & b).sum() >= 0.9 * (a | b).sum()
    }
    assert {(pair.first, pair.second) for pair in find_duplicates(store, STACK)} == pairs


def test_messages_name_the_first_pairs_and_count_the_others():
    texts = duplicate_messages([Duplicate(1, 2, 1), *(Duplicate(3, 3 + i, 2) for i in range(1, 8))])
    assert texts[0].startswith("Objects 1 and 2 overlap: they have the same pixels on 1 frame,")
    assert texts[-1] == "3 more pairs of objects overlap."
    assert duplicate_messages([]) == ()
