"""Messages about the distance of the slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.tracking.axis_fusion.plan import FusionPlan, rows_per_slice
from napari_sam2.workflows.axis_fusion.inputs import fusion_facts, spacing_notes

AXES = ("z", "y", "x")


def stack_with(distance: float) -> Stack:
    """Return a volume whose slices are some pixels apart."""
    stack = open_stack(np.zeros((3, 4, 5), np.uint8), axes="ZYX", along="z")
    calibration = Calibration.of("ZYX", (distance, 1, 1), ("micrometer",) * 3)
    return replace(stack, source=replace(stack.source, calibration=calibration))


@pytest.mark.parametrize(
    ("distance", "axes", "words"),
    [
        (1.2, AXES, ()),
        (5, AXES, ()),
        (0.2, AXES, ("not square: the slices are 0.2 pixels apart",)),
        (40, AXES, ("at most 15 rows are interpolated",)),
        (40, ("z",), ()),
        (0.2, ("z",), ()),
    ],
)
def test_planes_whose_pixels_are_not_square_are_reported(
    distance: float, axes: tuple[str, ...], words: tuple[str, ...]
) -> None:
    plan = FusionPlan(axes, 1, rows_per_slice(distance))
    notes = tuple(spacing_notes(plan, stack_with(distance), interpolate=False))
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def test_planes_that_are_not_interpolated_are_reported() -> None:
    (note,) = spacing_notes(FusionPlan(), stack_with(2), interpolate=True)
    assert note.startswith("No planes are interpolated: the slices are 2 pixels apart")
    assert not list(spacing_notes(FusionPlan(("z",), 4), stack_with(4), interpolate=True))


def test_an_unknown_distance_is_reported_for_several_axes() -> None:
    stack = open_stack(np.zeros((3, 4, 5), np.uint8), axes="ZYX", along="z")
    (note,) = spacing_notes(FusionPlan(AXES), stack, interpolate=False)
    assert "does not state its pixel sizes" in note
    assert not list(spacing_notes(FusionPlan(("z",), 4), stack, interpolate=True))


def test_facts_tell_plans_apart() -> None:
    plans = (None, FusionPlan(), FusionPlan(("z",), 3), FusionPlan(AXES), FusionPlan(AXES, 1, 2))
    facts = [fusion_facts(plan) for plan in plans]
    assert all(facts.count(item) == 1 for item in facts)
