"""A viewer model with the plugin."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel


@pytest.fixture
def viewer() -> ViewerModel:
    from napari.plugins import _initialize_plugins

    _initialize_plugins()
    return ViewerModel()
