"""Measurements that follow edits equal those of the edited labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.analysis.measurements.label_planes import LabelPlanes
from napari_sam2.analysis.measurements.measured_planes import MeasuredPlanes
from napari_sam2.analysis.measurements.measurement import Measurement
from napari_sam2.images.stack import open_stack

SHAPE = {"T": 3, "Z": 4, "Y": 6, "X": 7}
EDITS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=8
)


def rows_of(measurement: Measurement) -> list[dict[str, Any]]:
    return [dict(row) for row in measurement.rows()]


@given(axes=st.sampled_from(["YX", "TYX", "ZYX", "TZYX"]), edits=EDITS, seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_rows_after_edits_are_those_of_the_labels(axes, edits, seed) -> None:
    shape = [SHAPE[axis] for axis in axes]
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, shape).astype(np.uint8)
    image = open_stack(rng.normal(size=shape).astype(np.float32), axes=axes)
    planes = LabelPlanes(image, lambda index: labels[index])
    measured = MeasuredPlanes(Measurement(planes, image))
    for time, z, label, update in edits:
        place = {"T": time, "Z": z}
        labels[tuple(place[axis] for axis in axes[:-2])][2:4, 1:5] = label
        measured.plane_changed(*(place[a] if a in axes else 0 for a in "TZ"))
        if update:
            measured.update()
    measured.update()
    expected = rows_of(Measurement(planes, image))
    for row, other in zip(measured.rows(), expected, strict=True):
        assert dict(row) == {name: pytest.approx(value) for name, value in other.items()}


def test_only_changed_planes_are_read_again() -> None:
    labels = np.ones((6, 4, 5), np.uint8)
    read: list[tuple[int, ...]] = []

    def plane(index: tuple[int, ...]) -> np.ndarray:
        read.append(index)
        return labels[index]

    measured = MeasuredPlanes(Measurement(LabelPlanes(open_stack(labels, axes="TYX"), plane)))
    measured.update()
    assert read == [(t,) for t in range(6)]
    measured.plane_changed(2, 0)
    measured.update()
    assert read[6:] == [(2,)]


def test_an_update_that_is_cancelled_is_completed_by_the_next() -> None:
    labels = open_stack(np.ones((4, 4, 5), np.uint8), axes="TYX")
    measured = MeasuredPlanes(Measurement(LabelPlanes.of_labels(labels)))
    answers = iter([False, False, True])
    measured.update(lambda: next(answers))
    measured.update()
    assert [row["frame"] for row in measured.rows()] == [0, 1, 2, 3]
