"""napari's sample data: layers that napari takes, a first click on an object."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.viewer.contributions import sample_data
from napari_sam2.viewer.contributions.sample_data import LayerData

SAMPLES = [sample_data.moving_cells, sample_data.nuclei_volume, sample_data.organ_volume]


@pytest.mark.parametrize("make", SAMPLES)
def test_samples_come_with_truth_and_a_first_click(make: Callable[[], list[LayerData]]) -> None:
    from napari.layers import Layer

    layers = make()
    assert [layers[i][2] for i in (0, 1, -1)] == ["image", "labels", "points"]
    for data, options, kind in layers:
        layer = Layer.create(data, options, kind)
        assert layer.visible is not options["name"].startswith("Truth")
        assert tuple(layer.scale[-3:]) == layers[0][1]["scale"]
    image, truth = layers[0][0], layers[1][0]
    ((frame, y, x),) = layers[-1][0]
    assert image.shape == truth.shape
    label = truth[frame, y, x]
    assert label > 0
    assert np.median(image[truth == label]) > np.median(image[truth == 0])


def test_the_movie_has_divisions_in_its_tracks() -> None:
    from napari.layers import Layer

    layers = sample_data.moving_cells()
    tracks = Layer.create(*next(layer for layer in layers if layer[2] == "tracks"))
    assert len(tracks.graph) >= 4
    assert {len(mothers) for mothers in tracks.graph.values()} == {1}


def test_samples_are_drawn_without_torch() -> None:
    code = (
        "import sys; from napari_sam2.viewer.contributions import sample_data;"
        "sample_data.nuclei_volume();"
        "raise SystemExit('torch' in sys.modules or 'napari' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code]).returncode == 0


@pytest.mark.parametrize("key", ["moving_cells", "nuclei_volume", "organ_volume"])
def test_samples_open_with_a_prompt_on_an_object(viewer: ViewerModel, key: str) -> None:
    layers: list[Any] = viewer.open_sample("napari-sam2", key)
    image, truth, prompts = layers[0], layers[1], layers[-1]
    assert [type(layer).__name__ for layer in (image, truth, prompts)] == [
        "Image",
        "Labels",
        "Points",
    ]
    (point,) = np.round(prompts.data).astype(int)
    assert truth.data[tuple(point)] > 0
    np.testing.assert_allclose(prompts.data_to_world(point), image.data_to_world(point))
