"""Preferences and keys are declared with the same defaults in the manifest and in the code."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

import napari_sam2
from napari_sam2.export.destination import OutputKind
from napari_sam2.viewer.keys import Action, KeyBindings
from napari_sam2.viewer.preferences import PluginPreferences


def _properties(section: str) -> dict[str, Any]:
    path = Path(napari_sam2.__file__).with_name("napari.yaml")
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    properties: dict[str, Any] = manifest["contributions"]["configurations"][section]["properties"]
    return properties


def _defaults(section: str) -> dict[str, Any]:
    return {name: value["default"] for name, value in _properties(section).items()}


def test_the_manifest_has_the_default_keys() -> None:
    assert _defaults("keys") == {action.name.lower(): action.value for action in Action}


def test_the_manifest_has_the_default_preferences() -> None:
    declared = {
        "model": _defaults("model")["size"],
        "device": _defaults("model")["device"],
        "label_format": _defaults("output")["ending"],
        **_defaults("interaction"),
        "keys": {},
    }
    assert declared == asdict(PluginPreferences())


def test_the_manifest_lists_all_formats_of_labels() -> None:
    assert _properties("output")["ending"]["enum"] == [kind.endings[0] for kind in OutputKind]


def test_keys_are_bound_and_given_back() -> None:
    from app_model.types import KeyBinding
    from napari.components import ViewerModel

    viewer = ViewerModel()
    pressed: list[str] = []
    keys = KeyBindings(viewer, {Action.SAVE: "Shift-W"})
    keys.bind({Action.SAVE: lambda: pressed.append("save")})
    assert keys.key(Action.SAVE) == "Shift+W"
    viewer.keymap[KeyBinding.from_str("Shift+W")](viewer)
    assert pressed == ["save"]
    keys.release()
    assert not viewer.keymap
