"""The whole flow in a real viewer, with a predictor of a few lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile

OpenWidget = Callable[..., Any]


def test_click_propagate_accept_save(
    open_widget: OpenWidget, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = open_widget(image, name="movie")
    monkeypatch.setattr("pathlib.Path.home", lambda: user.folder)
    user.viewer.dims.set_point(0, 0)
    user.click(0, 20, 20)
    user.settle()
    assert user.drafts()[0, 20, 20] == 1
    assert not user.drafts()[1:].any()
    user.key("G")
    user.settle()
    assert all(user.drafts()[t, 20 + t, 20 + 2 * t] == 1 for t in range(8))
    user.key("N")
    user.settle()
    assert not user.drafts().any()
    assert user.labels()[7, 27, 34] == 1
    user.key("W")
    user.settle()
    saved = tifffile.imread(user.folder / "movie-labels.tif")
    np.testing.assert_array_equal(saved, user.labels())
    assert user.actions == ["click", "G", "N", "W"]


def test_the_widget_is_found_by_its_name(make_napari_viewer: Callable[..., Any]) -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-sam2")
    manifest.validate_imports()
    (widget,) = manifest.contributions.widgets or []
    assert widget.display_name == "Segment and track"
    menus = manifest.contributions.menus or {}
    assert set(menus) == {"napari/layers/segment", "napari/layers/track"}


def test_samples_are_what_they_say() -> None:
    from napari_sam2.viewer.contributions import sample_data

    for sample in (sample_data.moving_cells, sample_data.nuclei_volume, sample_data.organ_volume):
        layers = sample()
        image, options, kind = layers[0]
        points, _, other = layers[-1]
        assert (kind, other) == ("image", "points")
        assert image.ndim == len(options["axis_labels"]) == 3
        frame, y, x = points[0]
        inside = [n for n, v in zip(image.shape, (frame, y, x), strict=True) if 0 <= v < n]
        assert len(inside) == 3
