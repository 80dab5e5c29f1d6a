"""Plans along several axes: how many planes are interpolated, and the plan as text."""

from __future__ import annotations

import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.tracking.axis_fusion.plan import (
    FusionPlan,
    InterpolatedPlanes,
    planes_per_slice,
    rows_per_slice,
)


@pytest.mark.parametrize(
    ("ratio", "rows", "planes"),
    [(0.5, 1, 1), (1, 1, 1), (2.6, 3, 1), (3, 3, 1), (3.1, 3, 3), (5, 5, 5), (99, 16, 16)],
)
def test_slices_far_apart_get_planes_between_them(ratio: float, rows: int, planes: int) -> None:
    assert (rows_per_slice(ratio), planes_per_slice(ratio)) == (rows, planes)


def test_an_unknown_distance_counts_as_one_pixel_for_rows_and_is_refused_for_planes() -> None:
    assert rows_per_slice(None) == 1
    with pytest.raises(UserError, match=r"distance of the slices is not known.*Give the number"):
        planes_per_slice(None)


def test_the_plan_as_text() -> None:
    assert FusionPlan(("z", "y", "x"), 3, 2).lines() == (
        "1. Along z from the prompts, with 2 interpolated planes between two.",
        "2. Along y from cross-sections of the masks along z, with 1 interpolated row between two "
        "slices.",
        "3. Along x from cross-sections of the masks along z, with 1 interpolated row between two "
        "slices.",
        "4. Each voxel gets the mean logit of all axes; prompted masks stay.",
    )
    assert FusionPlan().lines() == ("1. Along z from the prompts.",)


@pytest.mark.parametrize(("text", "number"), [("auto", None), (" AUTO ", None), ("3", 3)])
def test_the_number_of_planes_is_read(text: str, number: int | None) -> None:
    assert InterpolatedPlanes.parse(text).number == number


@pytest.mark.parametrize("text", ["0", "16", "-1", "two", "1.5", ""])
def test_other_numbers_of_planes_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="Use auto, or a number from 1 to 15"):
        InterpolatedPlanes.parse(text)
