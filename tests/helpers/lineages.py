"""Small label movies with divisions, gaps and lone objects, whose tracks are known."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.label_movie import LabelMovie
from napari_sam2.export.tracking.track_table import TrackTable, measure_tracks
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import Stack, open_stack

PRESENT = {1: (0, 1, 2), 2: (3, 4), 3: (3, 6, 7), 5: (4,), 8: (2, 3, 4, 5, 6, 7)}
"""Frames of each object: 1 divides into 2 and 3, 3 has a gap, 5 is alone."""
LINEAGE = Lineage({2: 1, 3: 1})


def label_movie(present: dict[int, tuple[int, ...]], depth: int = 0) -> NDArray[np.uint32]:
    """Return labels (T, Y, X) or (T, Z, Y, X) in which each object has a row of its own."""
    frames = 1 + max(frame for frames in present.values() for frame in frames)
    labels = np.zeros((frames, max(depth, 1), 3 * len(present) + 2, 16), np.uint32)
    for row, (object_id, times) in enumerate(present.items()):
        for time in times:
            z = row % max(depth, 1)
            labels[time, z, 3 * row + 1 : 3 * row + 3, 2 + time % 8 : 5 + time % 8] = object_id
    return labels if depth else labels[:, 0]


def table_of(
    labels: NDArray[np.uint32],
    lineage: Lineage = LINEAGE,
    calibration: Calibration | None = None,
) -> TrackTable:
    """Return the tracks of labels."""
    stack: Stack = open_stack(labels, axes="TYX" if labels.ndim == 3 else "TZYX", along="t")
    if calibration is not None:
        from dataclasses import replace

        stack = replace(stack, source=replace(stack.source, calibration=calibration))
    table, _ = measure_tracks(LabelMovie.of_labels(stack), lineage)
    return table


@st.composite
def lineages(draw: st.DrawFn) -> tuple[NDArray[np.uint32], Lineage]:
    """Return labels of a few objects, with parents that end before their daughters begin."""
    ids = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5, unique=True))
    frames = st.sets(st.integers(0, 5), min_size=1)
    present = {i: tuple(sorted(draw(frames))) for i in ids}
    parents = {}
    for child in ids:
        possible = [p for p in ids if present[p][-1] < present[child][0]]
        if possible and draw(st.booleans()):
            parents[child] = draw(st.sampled_from(possible))
    return label_movie(present), Lineage(parents)
