"""Measurements equal analytic values and those of scikit-image."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops_table

from napari_sam2.analysis.measurements import plane
from napari_sam2.analysis.measurements.label_planes import LabelPlanes, ObjectAttributes
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


def measuring(labels: Stack, image: Stack | None = None) -> Measurement:
    return Measurement(LabelPlanes.of_labels(labels), image)


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
    [row] = measuring(stack).rows()
    assert (row["label"], row["frame"], row["unit"]) == (7, None, "µm³")
    assert row["volume"] == pytest.approx(4 / 3 * pi * radii.prod(), rel=0.02)
    lengths = [row[f"axis_{name}_length"] for name in ("major", "middle", "minor")]
    assert lengths == pytest.approx((2 * radii).tolist(), rel=0.02)
    found = [row[f"centroid-{axis}"] for axis in range(3)]
    assert found == pytest.approx([121.0, 18.0, 14.0], abs=0.1)
    assert row["surface"] == pytest.approx(surface_of(radii), rel=0.02)
    assert row["surface_unit"] == "µm²"
    ball = (36 * pi * (4 / 3 * pi * radii.prod()) ** 2) ** (1 / 3)
    assert row["sphericity"] == pytest.approx(ball / surface_of(radii), rel=0.02)


def surface_of(radii) -> float:
    """Return the surface of an ellipsoid by numeric integration."""
    a, b, c = radii
    step = pi / 400
    t, p = np.meshgrid(np.arange(400) * step + step / 2, np.arange(800) * step, indexing="ij")
    normal = np.hypot(
        np.hypot(b * c * np.sin(t) * np.cos(p), a * c * np.sin(t) * np.sin(p)), a * b * np.cos(t)
    )
    return float((normal * np.sin(t)).sum() * step**2)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (4.0, 1.0, 1.3)])
@pytest.mark.parametrize("planes", [6, 10.5])
def test_the_surface_of_a_ball_has_no_bias_beyond_two_percent(planes, spacing) -> None:
    radius = planes * spacing[0]
    lengths = [int(2 * radius / size) + 4 for size in spacing]
    center = tuple(length * size / 2 + 0.3 for length, size in zip(lengths, spacing, strict=True))
    mask = ellipsoid((lengths, spacing), center, np.full(3, radius), np.eye(3))
    stack = calibrated(mask.astype(np.uint8), "ZYX", spacing, ("micrometer",) * 3)
    [row] = measuring(stack).rows()
    assert row["surface"] == pytest.approx(4 * pi * radius**2, rel=0.02)
    assert row["sphericity"] == pytest.approx(1, abs=0.02)
    assert 0 <= row["longest_diameter"] - 2 * radius < max(spacing[1:])
    assert row["longest_diameter_plane"] == pytest.approx(center[0] / spacing[0], abs=2)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1, 2.5])
def test_diameters_and_perimeter_of_a_rotated_ellipse(angle) -> None:
    sizes, radii = (0.7, 0.5), (30.0, 12.0)
    y, x = np.meshgrid(np.arange(100) * 0.7 - 35, np.arange(140) * 0.5 - 35, indexing="ij")
    along, across = np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y
    mask = (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1
    [row] = measuring(calibrated(mask, "YX", sizes, ("millimeter",) * 2)).rows()
    assert row["longest_diameter"] == pytest.approx(60, rel=0.02)
    assert row["perpendicular_diameter"] == pytest.approx(24, rel=0.03)
    h = ((radii[0] - radii[1]) / sum(radii)) ** 2
    ramanujan = pi * sum(radii) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
    assert row["perimeter_crofton"] == pytest.approx(ramanujan, rel=0.02)
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - (12 / 30) ** 2), rel=0.02)
    assert row["circularity"] == pytest.approx(4 * pi * pi * 30 * 12 / ramanujan**2, rel=0.04)


def test_a_plane_of_several_bands_has_the_sums_of_one(monkeypatch) -> None:
    labels = np.random.default_rng(0).integers(0, 3, (2, 40, 30)).astype(np.int32) * 70_000
    values = np.random.default_rng(1).normal(size=(2, 40, 30)).astype(np.float32)
    stacks = open_stack(labels, axes="ZYX"), open_stack(values, axes="ZYX")
    expected = list(measuring(*stacks).rows())
    monkeypatch.setattr(plane, "_BAND_PIXELS", 77)
    for row, other in zip(measuring(*stacks).rows(), expected, strict=True):
        assert {name: pytest.approx(value) for name, value in row.items()} == other


def test_touching_objects_have_the_boundary_that_each_has_alone() -> None:
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[1:5, 3:10, 4:12], labels[1:5, 10:18, 4:12] = 1, 2
    both = {
        row["label"]: row["surface"] for row in measuring(open_stack(labels, axes="ZYX")).rows()
    }
    for label in (1, 2):
        alone = open_stack(np.where(labels == label, labels, 0), axes="ZYX")
        assert [row["surface"] for row in measuring(alone).rows()] == [both[label]]


def test_an_object_of_one_pixel() -> None:
    labels = np.zeros((5, 5), np.uint8)
    labels[2, 3] = 9
    [row] = measuring(open_stack(labels, axes="YX")).rows()
    assert (row["longest_diameter"], row["perpendicular_diameter"], row["extent"]) == (1, 1, 1)


def test_objects_have_their_attributes() -> None:
    labels = open_stack(np.array([[1, 1, 0, 2]], np.uint8), axes="YX")
    attributes = ObjectAttributes(("class", "parent"), {2: ("nucleus", 1)})
    measurement = Measurement(LabelPlanes.of_labels(labels), attributes=attributes)
    assert measurement.columns[-2:] == ("class", "parent")
    assert [(row["class"], row["parent"]) for row in measurement.rows()] == [
        (None, None),
        ("nucleus", 1),
    ]


def test_frames_along_x_are_refused_with_advice() -> None:
    stack = open_stack(np.zeros((3, 4, 5), np.uint8), axes="ZYX", along="x")
    with pytest.raises(UserError, match="Measure the saved session by napari-sam2 measure"):
        LabelPlanes.of_labels(stack)


@given(
    labels=st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).integers(0, 4, (9, 11)).astype(np.uint8)
    ),
    sizes=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
)
@settings(max_examples=20, deadline=None)
def test_planes_agree_with_scikit_image(labels, sizes) -> None:
    values = np.arange(99, dtype=np.float64).reshape(9, 11) ** 1.5
    stack = calibrated(labels, "YX", sizes, ("millimeter",) * 2)
    rows = list(measuring(stack, open_stack(values, axes="YX")).rows())
    names = ("label", "area", "centroid", "bbox", "equivalent_diameter_area", "extent")
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
    square = list(measuring(open_stack(labels, axes="YX")).rows())
    crofton = regionprops_table(labels, properties=("perimeter_crofton",))["perimeter_crofton"]
    assert [row["perimeter_crofton"] for row in square] == pytest.approx(crofton.tolist())
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
    rows = list(measuring(stack).rows())
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
    measurement = measuring(open_stack(labels, axes="TZYX"), open_stack(image, axes="TCZYX"))
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
    measurement = measuring(stack)
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
    [row] = measuring(stack).rows()
    assert (row["volume"], row["unit"]) == (pytest.approx(32 * 1000 * 500**2), "nm³")


@pytest.mark.parametrize(
    ("labels", "image", "words"),
    [
        (np.full((4, 5), 0.5, np.float32), None, "fractions such as 0.5"),
        (np.full((4, 5), np.nan, np.float32), None, "holds NaN"),
        (np.full((4, 5), -1, np.int16), None, "holds -1"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 6)), "different shapes"),
    ],
)
def test_wrong_inputs_have_a_message(labels, image, words) -> None:
    opened = None if image is None else open_stack(image, axes="YX")
    with pytest.raises(UserError, match=words):
        list(measuring(open_stack(labels, axes="YX"), opened).rows())


def test_whole_numbers_in_a_floating_point_file_are_labels() -> None:
    labels = np.zeros((4, 5), np.float64)
    labels[1:3, 2] = 7
    [row] = measuring(open_stack(labels, axes="YX")).rows()
    assert (row["label"], row["area"]) == (7, 2)
