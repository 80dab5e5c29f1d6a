"""Names and shards of the stacks of a batch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.batch.stacks import Shard, StackEntry, check_names, listed
from napari_sam2.core.errors import UserError
from napari_sam2.session.worklist.stack_files import stack_name


def entries(*names: str) -> list[StackEntry]:
    return [StackEntry(name=name, source=f"{name}.tif") for name in names]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/scan.nii.gz", "scan"),
        ("scan.ome.tif", "scan"),
        ("b/scan.ome.zarr/", "scan"),
        ("https://host/x/scan.zarr", "scan"),
        ("series-1", "series-1"),
        ("day.1.TIFF", "day.1"),
        (".tif", ".tif"),
    ],
)
def test_the_name_of_a_stack_has_no_ending(source: str, name: str) -> None:
    assert stack_name(source) == name


@given(
    st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=12),
    st.integers(1, 5),
)
def test_all_shards_together_have_each_stack_once(names: list[str], count: int) -> None:
    stacks = entries(*names)
    parts = [Shard.parse(f"{number}/{count}").of(stacks) for number in range(count)]
    assert sorted(s.name for part in parts for s in part) == sorted(names)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("text", ["2/2", "1", "-1/2", "a/b", "0/0", "", "1/2/3", "0.5/2"])
def test_a_wrong_shard_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="Use I/N"):
        Shard.parse(text)


def test_two_stacks_of_one_name_are_refused() -> None:
    check_names(entries("a", "b"))
    with pytest.raises(UserError, match=r"A\.tif and a\.tif"):
        check_names(entries("A", "b", "a"))


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\\b"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot name"):
        check_names(entries(name))


def test_long_lists_are_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([*"abcdefg"]) == "a, b, c, d, e and 2 more"
