"""Daughters get ids of their own, so that the result is a valid lineage."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.tracking.division.daughters import DaughterLabels
from napari_sam2.tracking.division.detection import detect_divisions
from tests.helpers.dividing_cells import dividing_cells
from tests.napari_sam2.tracking.division.test_detection import tracked


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), how=st.sampled_from(["ends", "follows one", "follows both"]))
def test_cells_and_their_lineage_are_those_of_the_truth(seed: int, how: str) -> None:
    cells = dividing_cells(seed)
    labels = tracked(cells, how)
    daughters = DaughterLabels(detect_divisions(labels), int(cells.labels.max()) + 1)
    divided = np.stack([daughters.add(frame, plane) for frame, plane in enumerate(labels)])
    assert list(daughters.lineage.problems(daughters.spans)) == []
    pairs = {(int(a), int(b)) for a, b in zip(cells.labels.flat, divided.flat, strict=True)}
    truth_of = {new: old for old, new in pairs}
    assert len(pairs) == len(truth_of) == len(dict(pairs)), "each object is one cell"
    parents = {truth_of[c]: truth_of[p] for c, p in daughters.lineage.parents.items()}
    assert parents == cells.lineage.parents
