"""The button that applies a CT window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.helpers.scenes import movie, straight

MOVIE = movie((80, 96), [straight((20, 20), (1, 2), 6)])


def _ct() -> Any:
    tissue = 40 + MOVIE.astype("i2") // 2
    tissue[:, 40:] = -1000
    return tissue


def test_the_button_sets_the_contrast_of_the_layer_and_of_the_model(
    open_widget: Callable[..., Any],
) -> None:
    user = open_widget(_ct(), name="ct")
    user.settle()
    panel = user.widget.header.ct_window
    assert not panel.isHidden()
    panel.apply.click()
    user.settle()
    assert tuple(user.viewer.layers["ct"].contrast_limits) == (-150, 250)
    assert user.widget.state.session.intensity.limits == ((-150.0, 250.0),)
    assert panel.isHidden()


def test_there_is_no_button_for_other_images(open_widget: Callable[..., Any]) -> None:
    user = open_widget(MOVIE.astype("i2"), name="movie")
    user.settle()
    assert user.widget.header.ct_window.isHidden()
    assert np.ptp(user.viewer.layers["movie"].contrast_limits) > 0
