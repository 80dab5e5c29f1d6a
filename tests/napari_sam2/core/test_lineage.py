"""Parent links: circles are refused, and links that do not fit the frames are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import FrameSpan, Lineage


def test_daughters_and_founders() -> None:
    lineage = Lineage({2: 1, 3: 1, 4: 3, 9: 8})
    assert lineage.daughters(1) == (2, 3)
    assert [lineage.founder(i) for i in (1, 2, 4, 9, 7)] == [1, 1, 1, 8, 7]
    assert lineage.with_parent(3, None).founder(4) == 3
    assert lineage.parent(3) == 1


@pytest.mark.parametrize(
    ("parents", "circle"),
    [({1: 1}, "1 -> 1"), ({1: 2, 2: 1}, "1 -> 2 -> 1"), ({5: 4, 4: 3, 3: 2, 2: 4}, "4 -> 3 -> 2")],
)
def test_a_circle_is_refused_and_named(parents: dict[int, int], circle: str) -> None:
    with pytest.raises(UserError, match=circle):
        Lineage(parents)


@given(st.dictionaries(st.integers(1, 12), st.integers(1, 12)))
def test_links_are_refused_exactly_if_an_object_is_its_own_ancestor(
    parents: dict[int, int],
) -> None:
    reachable = {child: {parent} for child, parent in parents.items()}
    for _ in range(len(parents)):
        for above in reachable.values():
            above.update(*(reachable.get(parent, ()) for parent in set(above)))
    if any(child in above for child, above in reachable.items()):
        with pytest.raises(UserError, match="circle"):
            Lineage(parents)
    else:
        lineage = Lineage(parents)
        assert all(lineage.founder(child) not in parents for child in parents)


def test_links_that_do_not_fit_the_frames() -> None:
    spans = {1: FrameSpan(0, 4), 2: FrameSpan(5, 9), 3: FrameSpan(4, 9)}
    found = list(Lineage({2: 1, 3: 1, 7: 2}).problems(spans))
    assert len(found) == 2
    assert "Object 1 still exists on frame 4, but its daughter 3 begins on frame 4" in found[0]
    assert "Object 7 has no pixels" in found[1]
    assert list(Lineage({2: 1}).problems(spans)) == []
