"""The whole flow with the bundled model on napari's sample data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.viewer.contributions import sample_data
from tests.helpers.scenes import iou

OpenWidget = Callable[..., Any]
FRAMES = 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moving_cells", "nuclei_volume"])
def test_click_propagate_accept_save(
    open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    layers = getattr(sample_data, name)()
    (image, options, _), truth, clicks = layers[0], layers[1][0], layers[-1][0]
    start, y, x = (int(n) for n in clicks[0])
    user = open_widget(image[start : start + FRAMES], **{**options, "name": "sample"})
    monkeypatch.setattr("pathlib.Path.home", lambda: user.folder)
    user.sync.sessions.use(load_predictor("micro", "cpu"))
    user.click(0, y, x)
    for key in "GNW":
        user.key(key)
        user.settle()
    assert user.widget.status.error.text() == ""
    saved = tifffile.imread(user.folder / "sample-labels.tif")
    np.testing.assert_array_equal(saved, user.labels())
    true = truth[start : start + FRAMES] == truth[start, y, x]
    found = [iou(saved[frame] == 1, true[frame]) for frame in range(FRAMES)]
    assert found[0] > 0.6, found
    assert np.mean(found) > 0.5, found
