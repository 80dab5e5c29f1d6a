"""Check an installed napari-sam2: menus, samples, model; ``test_wheel.py`` runs this file."""

from __future__ import annotations

import sys
from pathlib import Path

import napari_sam2
import sam2_model

SAMPLES = {"Cells that move and divide", "Nuclei in a volume", "Organ-like volume"}


def check_origin() -> None:
    for package in (napari_sam2, sam2_model):
        assert Path(str(package.__file__)).is_relative_to(sys.prefix), package.__file__


def check_menus() -> None:
    import napari
    from app_model.types import SubmenuItem
    from napari._app_model import get_app_model

    viewer = napari.Viewer(show=False)
    menus = get_app_model().menus

    def titles(menu: str) -> set[str]:
        items = menus.get_menu(menu)
        below = [titles(i.submenu) for i in items if isinstance(i, SubmenuItem)]
        here = {i.command.title for i in items if not isinstance(i, SubmenuItem)}
        return here.union(*below)

    for menu in ("napari/plugins", "napari/layers/segment", "napari/layers/track"):
        assert any("Segment and track" in title for title in titles(menu)), (menu, titles(menu))
    found = titles("napari/file/samples")
    assert all(any(name in title for title in found) for name in SAMPLES), found
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment and track")
    assert type(widget).__name__ == "SegmentTrackWidget"
    assert dock.name.startswith("Segment and track"), dock.name
    widget.release()
    viewer.close()


def check_samples() -> None:
    from napari.components import ViewerModel

    viewer = ViewerModel()
    for key in ("moving_cells", "nuclei_volume", "organ_volume"):
        viewer.open_sample("napari-sam2", key)
    assert {layer.name for layer in viewer.layers} >= SAMPLES


def check_model() -> None:
    from napari_sam2 import load_predictor

    assert load_predictor("micro", "cpu").info.trained


if __name__ == "__main__":
    check_origin()
    check_menus()
    check_samples()
    check_model()
    print("all there")
