"""A user of the widget on a small series of volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from tests.helpers.volume_series import AXES, NucleiSeries, two_balls


@pytest.fixture
def series() -> NucleiSeries:
    """Two balls that move through the volumes."""
    return two_balls()


@pytest.fixture
def user(open_widget: Callable[..., Any], series: NucleiSeries) -> Any:
    """A user who has opened the series and chosen both axes."""
    opened = open_widget(series.image, axis_labels=AXES, name="series")
    opened.choose_axes(TIME_AND_DEPTH)
    return opened
