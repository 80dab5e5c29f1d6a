"""Options with a syntax of their own."""

from __future__ import annotations

import pytest

from napari_sam2.cli.parsing import parse_contrast, parse_range
from napari_sam2.core.errors import UserError


@pytest.mark.parametrize(
    ("text", "frames"),
    [("2:9", (2, 9)), (" 2 : 9 ", (2, 9)), (":9", (0, 9)), ("2:", (2, None)), (":", (0, None))],
)
def test_ranges(text: str, frames: tuple[int, int | None]) -> None:
    assert parse_range(text) == frames


@pytest.mark.parametrize("text", ["", "3", "2-9", "a:b", "-1:3", "1:2:3"])
def test_other_texts_are_no_range(text: str) -> None:
    with pytest.raises(UserError, match="A:B"):
        parse_range(text)


def test_contrast() -> None:
    assert parse_contrast("-5,4.5") == (-5.0, 4.5)


@pytest.mark.parametrize("text", ["", "3", "1,2,3", "a,b"])
def test_other_texts_are_no_contrast(text: str) -> None:
    with pytest.raises(UserError, match="LOW,HIGH"):
        parse_contrast(text)
