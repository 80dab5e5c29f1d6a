"""The menu command that opens an image with axes and sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog


def test_the_command_opens_what_is_chosen(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari._app_model import get_app_model

    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25}
    pixels = np.arange(3 * 24 * 32, dtype=np.uint16).reshape(3, 24, 32)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "ZYX", **sizes})
    (tmp_path / "b.tif").write_bytes(b"nothing of the kind")
    chosen = iter(["", str(tmp_path / "b.tif"), str(tmp_path / "a.ome.tif")])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (next(chosen), ""))
    shown: list[str] = []
    monkeypatch.setattr("napari_sam2._qt.open_image.show_error", shown.append)
    viewer = make_napari_viewer()
    for layers in (0, 0, 1):
        get_app_model().commands.execute_command("napari-sam2.choose_image").result()
        assert len(viewer.layers) == layers
    assert "b.tif" in shown[0]
    assert viewer.layers[0].axis_labels == ("z", "y", "x")
    np.testing.assert_allclose(viewer.layers[0].scale[2], 0.25)
