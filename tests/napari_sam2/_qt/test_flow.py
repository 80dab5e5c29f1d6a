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
