"""Points lie in the centers of cells, and flat regions are left out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.candidates.point_grid import on_structure, point_grid, spaced_points


def test_the_grid_lies_in_the_centers_of_equal_cells() -> None:
    points = point_grid((8, 12), 4)
    assert points[0].tolist() == [0.5, 1.0]
    assert points[-1].tolist() == [6.5, 10.0]


@pytest.mark.parametrize(("shape", "count"), [((20, 30), 24), ((3, 3), 1), ((20, 1), 4)])
def test_points_have_about_the_spacing_asked_for(shape, count) -> None:
    points = spaced_points(shape, 5)
    assert len(points) == count
    assert (points >= -0.5).all()
    assert (points <= np.array(shape) - 0.5).all()


def test_points_in_flat_or_noisy_regions_are_left_out_and_those_at_objects_are_kept() -> None:
    noise = np.random.default_rng(0).integers(0, 4, (60, 60))
    image = np.repeat((20 + noise)[..., None], 3, axis=2).astype(np.uint8)
    image[20:28, 20:28, 1] = 90
    points = spaced_points((60, 60), 6)
    kept = points[on_structure(image, points, 6)]
    inside = ((points >= 20) & (points < 28)).all(axis=1)
    assert {tuple(point) for point in points[inside]} <= {tuple(point) for point in kept}
    assert (np.abs(kept - 23.5) < 12).all()
