"""The planes on which an object is looked for at the next time point."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.tracking.volume_series.key_planes import MAX_KEY_PLANES, key_planes


def test_the_largest_plane_comes_first_then_the_quartiles() -> None:
    areas = {2: 10, 3: 40, 4: 90, 5: 100, 6: 90, 7: 40, 8: 10, 9: 0}
    assert key_planes(areas) == (5, 4, 6)


def test_the_middle_of_equal_planes_is_taken() -> None:
    assert key_planes(dict.fromkeys(range(10, 15), 7))[0] == 12


@given(st.dictionaries(st.integers(0, 40), st.integers(0, 9), max_size=20))
def test_all_are_planes_of_the_object(areas: dict[int, int]) -> None:
    found = key_planes(areas)
    assert len(found) == len(set(found)) <= MAX_KEY_PLANES
    assert all(areas[z] > 0 for z in found)
    assert bool(found) == any(areas.values())
    if found:
        assert areas[found[0]] == max(areas.values())
