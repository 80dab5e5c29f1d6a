"""Prompts as values, and the store that holds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt

POINT = PointPrompt(1, 0, (3.0, 4.5))
BOX = BoxPrompt(1, 0, (1, 2), (5, 6))
MASK = MaskPrompt(1, 0, np.ones((2, 3)), (4, 4))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PointPrompt(0, 0, (1, 1)), "ids start at 1"),
        (lambda: PointPrompt(-3, 0, (1, 1)), "-3"),
        (lambda: PointPrompt(1, -1, (1, 1)), "negative"),
        (lambda: PointPrompt(1, 0, (np.nan, 1)), "finite"),
        (lambda: PointPrompt(1, 0, (1, np.inf)), "finite"),
        (lambda: PointPrompt(1, 0, (1, 1), 2), "label 2"),
        (lambda: BoxPrompt(1, 0, (5, 5), (5, 9)), "ends before"),
        (lambda: BoxPrompt(1, 0, (5, 5), (9, 4)), "ends before"),
        (lambda: BoxPrompt(1, 0, (0, np.nan), (9, 9)), "finite"),
        (lambda: MaskPrompt(1, 0, np.zeros((3, 3))), "empty"),
        (lambda: MaskPrompt(1, 0, np.ones(3)), "1 dimensions"),
        (lambda: MaskPrompt(0, 0, np.ones((3, 3))), "ids start at 1"),
    ],
)
def test_bad_values_are_refused(make, words):
    with pytest.raises(UserError, match=words):
        make()


def test_mask_prompt_is_trimmed_and_compared_by_its_pixels():
    plane = np.zeros((10, 12), np.uint8)
    plane[3:5, 6:9] = 7
    whole, crop = MaskPrompt.of(2, 1, plane), MaskPrompt(2, 1, np.ones((2, 3)), (3, 6))
    assert whole == crop
    assert hash(whole) == hash(crop)
    assert whole.window == Window(3, 6, 5, 9)
    assert whole != MaskPrompt(2, 1, np.ones((2, 3)), (3, 7))
    assert not whole.mask.flags.writeable


def test_mask_prompt_does_not_follow_its_source():
    source = np.ones((2, 2), bool)
    prompt = MaskPrompt(1, 0, source)
    source[:] = False
    assert prompt.mask.all()


def test_of_orders_points_before_boxes():
    other = PointPrompt(1, 0, (0, 0), 0)
    store = PromptStore([BOX, POINT, other])
    assert store.get(1, 0) == (POINT, other, BOX)
    assert store.get(1, 1) == ()
    assert (store.objects(), store.frames(1), store.frames()) == ((1,), (0,), (0,))


@pytest.mark.parametrize("others", [(POINT,), (BOX,), (MASK,)])
def test_mask_excludes_others(others):
    with pytest.raises(UserError, match="mask of object 1 on frame 0"):
        PromptStore([MASK, *others])


def test_one_box_a_frame():
    with pytest.raises(UserError, match="2 times"):
        PromptStore([BOX, BoxPrompt(1, 0, (0, 0), (2, 2))])
    assert len(PromptStore([BOX, BoxPrompt(1, 1, (0, 0), (2, 2))])) == 2


def test_add_is_all_or_none():
    store = PromptStore([BOX])
    with pytest.raises(UserError):
        store.add(PointPrompt(2, 0, (1, 1)), MASK)
    assert list(store) == [BOX]


def test_replace_keeps_the_order():
    first, second, moved = (PointPrompt(1, 0, (n, n)) for n in range(3))
    store = PromptStore([first, second])
    store.replace(first, moved)
    assert store.get(1, 0) == (moved, second)
    store.replace(moved, PointPrompt(1, 4, (0, 0)))
    assert store.frames(1) == (0, 4)
    with pytest.raises(UserError, match="does not exist"):
        store.replace(first, moved)


def test_remove_takes_one_of_equal_prompts():
    store = PromptStore([POINT, POINT])
    store.remove(POINT)
    assert list(store) == [POINT]
    store.remove(POINT)
    assert store.objects() == ()
    with pytest.raises(UserError, match="does not exist"):
        store.remove(POINT)


def test_set_says_all_of_one_place():
    store = PromptStore([POINT])
    store.set(1, 0, [MASK])
    assert store.get(1, 0) == (MASK,)
    with pytest.raises(UserError, match="not of object 2"):
        store.set(2, 0, [POINT])


def test_changed_tells_where_and_only_when():
    store, heard = PromptStore(), []
    store.changed.connect(lambda *where: heard.append(where))
    store.add(POINT, PointPrompt(2, 5, (0, 0)))
    store.set(1, 0, [POINT])
    snapshot = store.snapshot()
    store.clear(object_id=2)
    store.restore(snapshot)
    store.restore(snapshot)
    store.clear(frame=0)
    assert heard == [(1, 0), (2, 5), (2, 5), (2, 5), (1, 0)]


def test_stores_compare_by_content():
    other = PointPrompt(2, 1, (0, 0))
    assert PromptStore([POINT, other]) == PromptStore([other, POINT])
    assert PromptStore([POINT], axis="t") != PromptStore([POINT], axis="z")
    assert PromptStore() != 3


@st.composite
def points(draw):
    return PointPrompt(
        draw(st.integers(1, 3)),
        draw(st.integers(0, 3)),
        (draw(st.floats(0, 9)), draw(st.floats(0, 9))),
        draw(st.integers(0, 1)),
    )


@given(st.lists(points(), max_size=6), st.lists(points(), max_size=6), st.data())
def test_restore_undoes_any_edits(before, added, data):
    store = PromptStore(before, axis="t")
    snapshot = store.snapshot()
    store.add(*added)
    for prompt in data.draw(
        st.lists(st.sampled_from([*before, *added]), unique=True, max_size=4)
        if before or added
        else st.just([])
    ):
        store.remove(prompt)
    store.restore(snapshot)
    assert store.snapshot() == snapshot
    assert store == PromptStore(before, axis="t")
