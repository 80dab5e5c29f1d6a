from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.cover import cover
from napari_sam2.geometry import Window

edges = st.integers(-50, 300)
sizes = st.integers(1, 60)
boxes = st.lists(
    st.builds(lambda y, x, h, w: Window(y, x, y + h, x + w), edges, edges, sizes, sizes),
    max_size=25,
)


def union(members: list[Window]) -> Window:
    whole = members[0]
    for member in members[1:]:
        whole = whole.union(member)
    return whole


@settings(max_examples=60)
@given(boxes, st.integers(60, 200))
def test_every_box_lies_in_one_window(items: list[Window], side: int) -> None:
    shares = cover(items, side)
    assert sorted(number for share in shares for number in share) == list(range(len(items)))
    assert all(max(union([items[n] for n in share]).shape) <= side for share in shares)


def test_a_box_larger_than_a_window_stays_alone() -> None:
    large, small = Window(0, 0, 90, 90), Window(0, 0, 10, 10)
    assert sorted(cover([large, small], 50)) == [[0], [1]]


@given(boxes, st.integers(60, 200))
def test_the_fullest_windows_come_first(items: list[Window], side: int) -> None:
    counts = [len(share) for share in cover(items, side)]
    assert counts == sorted(counts, reverse=True)


def test_no_boxes_no_windows() -> None:
    assert cover([], 64) == []
