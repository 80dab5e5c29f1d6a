"""Measurements equal analytic values and those of scikit-image."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops_table

from napari_sam2.analysis.measurements.measurement import Measurement
from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.readers.base import Source
from napari_sam2.images.stack import Stack, open_stack


def calibrated(array: np.ndarray, axes: str, scale, units, origin=None) -> Stack:
    stack = open_stack(array, axes=axes)
    calibration = Calibration.of(axes, scale, units, origin=origin)
    values = {name: getattr(stack.source, name) for name in Source.__dataclass_fields__}
    return Stack.assemble(Source(**values | {"calibration": calibration}), stack.layout)


def ellipsoid(shape, center, radii, rotation) -> np.ndarray:
    """Return the pixels whose centers, in physical units, lie in a rotated ellipsoid."""
    grids = np.meshgrid(*[np.arange(n) for n in shape[0]], indexing="ij")
    offsets = np.stack([g * s - c for g, s, c in zip(grids, shape[1], center, strict=True)], -1)
    return (((offsets @ rotation) / radii) ** 2).sum(-1) <= 1


def turned(yaw: float, pitch: float) -> np.ndarray:
    first = [[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]
    second = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    return np.array(first) @ np.array(second)


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (0.5, 0.9), (1.2, 0.3)])
def test_a_rotated_ellipsoid_of_unequal_voxels_has_its_analytic_size(yaw, pitch) -> None:
    sizes, radii, center = (1.5, 0.5, 0.4), np.array([14.0, 10.0, 7.0]), (21.0, 18.0, 19.0)
    mask = ellipsoid(((28, 72, 95), sizes), center, radii, turned(yaw, pitch))
    stack = calibrated(
        mask.astype(np.uint16) * 7, "ZYX", sizes, ("micrometer",) * 3, (100.0, 0.0, -5.0)
    )
    [row] = Measurement(stack).rows()
    assert (row["label"], row["frame"], row["unit"]) == (7, None, "µm³")
    assert row["volume"] == pytest.approx(4 / 3 * pi * radii.prod(), rel=0.02)
    lengths = [row[f"axis_{name}_length"] for name in ("major", "middle", "minor")]
    assert lengths == pytest.approx((2 * radii).tolist(), rel=0.02)
    found = [row[f"centroid-{axis}"] for axis in range(3)]
    assert found == pytest.approx([121.0, 18.0, 14.0], abs=0.1)


@given(
    labels=st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).integers(0, 4, (9, 11)).astype(np.uint8)
    ),
    sizes=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
)
@settings(max_examples=40, deadline=None)
def test_planes_agree_with_scikit_image(labels, sizes) -> None:
    values = np.arange(99, dtype=np.float64).reshape(9, 11) ** 1.5
    stack = calibrated(labels, "YX", sizes, ("millimeter",) * 2)
    rows = list(Measurement(stack, open_stack(values, axes="YX")).rows())
    names = ("label", "area", "centroid", "bbox", "equivalent_diameter_area")
    expected = regionprops_table(
        labels,
        values,
        spacing=sizes,
        properties=(*names, "intensity_mean", "intensity_min", "intensity_max"),
    )
    assert [row["label"] for row in rows] == expected["label"].tolist()
    for name, column in expected.items():
        if name.startswith("equivalent"):
            continue
        assert [row[name] for row in rows] == pytest.approx(column.tolist()), name
    assert {row["unit"] for row in rows} <= {"mm²"}
    if (labels == 0).any():
        around = values[labels == 0].mean()
        corrected = [row["intensity_corrected"] for row in rows]
        assert corrected == pytest.approx((expected["intensity_mean"] - around).tolist())


def test_a_movie_has_a_row_for_each_frame_with_displacement_and_speed() -> None:
    labels = np.zeros((4, 20, 30), np.uint16)
    for frame in (0, 1, 3):
        labels[frame, 5 + 3 * frame : 9 + 3 * frame, 4 + 4 * frame : 8 + 4 * frame] = 2
    stack = calibrated(labels, "TYX", (30.0, 0.5, 0.5), ("second", "micrometer", "micrometer"))
    rows = list(Measurement(stack).rows())
    assert [row["frame"] for row in rows] == [0, 1, 3]
    assert [row["time"] for row in rows] == [0.0, 30.0, 90.0]
    assert [row["area"] for row in rows] == [4.0, 4.0, 4.0]
    # Frame 2 is without the object, so frame 3 has no displacement.
    assert [row["displacement"] for row in rows] == [None, pytest.approx(2.5), None]
    assert rows[1]["speed"] == pytest.approx(2.5 / 30)
    assert rows[1]["speed_unit"] == "µm/s"


def test_volumes_through_time_and_channels() -> None:
    labels = np.zeros((2, 3, 8, 8), np.uint8)
    labels[:, 1:, 2:4, 2:5] = 1
    image = np.zeros((2, 2, 3, 8, 8), np.uint16)
    image[:, 1] = 10 * labels + 1
    measurement = Measurement(open_stack(labels, axes="TZYX"), open_stack(image, axes="TCZYX"))
    rows = list(measurement.rows())
    assert [(row["frame"], row["volume"], row["unit"]) for row in rows] == [
        (0, 12.0, "voxel"),
        (1, 12.0, "voxel"),
    ]
    assert set(measurement.columns) == set(rows[0])
    assert (rows[0]["intensity_mean-0"], rows[0]["intensity_sum-1"]) == (0.0, 132.0)
    assert rows[0]["intensity_corrected-1"] == 10.0
    assert [rows[0][f"bbox-{number}"] for number in range(6)] == [1, 2, 2, 3, 4, 5]


def test_axes_in_different_kinds_of_units_are_measured_in_voxels_with_a_note() -> None:
    stack = calibrated(
        np.ones((2, 4, 4), np.uint8), "ZYX", (2.0, 0.5, 0.5), ("pixel", "nanometer", "nanometer")
    )
    measurement = Measurement(stack)
    [row] = measurement.rows()
    assert (row["volume"], row["unit"]) == (32.0, "voxel")
    assert "different units" in measurement.unit.note


def test_units_of_one_kind_are_converted() -> None:
    stack = calibrated(
        np.ones((2, 4, 4), np.uint8),
        "ZYX",
        (1.0, 500.0, 500.0),
        ("micrometer", *("nanometer",) * 2),
    )
    [row] = Measurement(stack).rows()
    assert (row["volume"], row["unit"]) == (pytest.approx(32 * 1000 * 500**2), "nm³")


@pytest.mark.parametrize(
    ("labels", "image", "words"),
    [
        (np.zeros((4, 5), np.float32), None, "not labels"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 6)), "different shapes"),
    ],
)
def test_wrong_inputs_have_a_message(labels, image, words) -> None:
    opened = None if image is None else open_stack(image, axes="YX")
    with pytest.raises(UserError, match=words):
        Measurement(open_stack(labels, axes="YX"), opened)
