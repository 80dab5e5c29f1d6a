"""Divisions are found however the tracks run through them, and nothing else counts as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.tracking.division.detection import detect_divisions
from napari_sam2.tracking.division.division import Division, DivisionRules
from tests.helpers.dividing_cells import DividingCells, dividing_cells


def tracked(cells: DividingCells, how: str) -> np.ndarray:
    """Return labels as tracks show them: ending, following one daughter, or following both."""
    labels = cells.labels.copy()
    for parent in cells.divisions:
        first, second = cells.lineage.daughters(parent)
        if how != "ends":
            labels[labels == first] = parent
        if how == "follows both":
            labels[labels == second] = parent
    return labels


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), how=st.sampled_from(["ends", "follows one", "follows both"]))
def test_all_divisions_of_round_cells_are_found_and_no_others(seed: int, how: str) -> None:
    cells = dividing_cells(seed)
    found = detect_divisions(tracked(cells, how))
    assert {d.parent: d.frame for d in found} == cells.divisions
    daughters = {"ends": 2, "follows one": 1, "follows both": 0}[how]
    assert {len(d.daughters) for d in found} <= {daughters}
    assert {d.continues for d in found} <= {how != "ends"}


def square(at: int, size: int, value: int, plane: np.ndarray) -> None:
    plane[10 : 10 + size, at : at + size] = value


def test_a_neighbor_that_appears_and_parts_that_do_not_last_are_no_divisions() -> None:
    labels = np.zeros((8, 40, 60), np.uint8)
    for time, plane in enumerate(labels):
        square(5, 12, 1, plane)
        if time >= 3:
            square(20, 12, 2, plane)
        if time == 5:
            plane[:, 10:12] = 0
    assert detect_divisions(labels) == ()


def test_a_daughter_that_is_lost_at_once_is_no_division() -> None:
    labels = np.zeros((8, 40, 60), np.uint8)
    for time, plane in enumerate(labels):
        square(5, 12, 1, plane)
        if time == 4:
            plane[:, 11:17][plane[:, 11:17] > 0] = 2
    assert detect_divisions(labels) == ()
    assert detect_divisions(labels, DivisionRules(min_frames=1)) == (Division(1, 4, (2,)),)


def test_volumes_divide_too() -> None:
    labels = np.zeros((6, 4, 20, 30), np.uint8)
    labels[:3, 1:3, 5:15, 5:25] = 3
    labels[3:, 1:3, 5:15, 5:14] = 3
    labels[3:, 1:3, 5:15, 16:25] = 7
    assert detect_divisions(labels) == (Division(3, 3, (7,)),)


@pytest.mark.parametrize("rules", [{"min_frames": 0}, {"min_part": 0.9}, {"min_part": 0.0}])
def test_impossible_rules_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(UserError, match="Give a"):
        DivisionRules(**rules)
