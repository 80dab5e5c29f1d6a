"""Preferences and keys are declared with the same defaults in the manifest and in the code."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

import napari_sam2
from napari_sam2.export.destination import OutputKind
from napari_sam2.inference.model_catalog import DTYPES
from napari_sam2.viewer.keys import Action, KeyBindings
from napari_sam2.viewer.preferences import (
    PluginPreferences,
    PreferencesFile,
    read_preferences,
    store_hint,
    store_hover,
)


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
        "dtype": _defaults("model")["dtype"],
        "label_format": _defaults("output")["ending"],
        **_defaults("interaction"),
        "keys": {},
    }
    assert declared == asdict(PluginPreferences())


def test_the_manifest_lists_all_formats_of_labels() -> None:
    assert _properties("output")["ending"]["enum"] == [kind.endings[0] for kind in OutputKind]


def test_the_manifest_lists_all_number_formats() -> None:
    assert tuple(_properties("model")["dtype"]["enum"]) == DTYPES


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


def test_a_file_keeps_preferences_of_older_napari(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("napari.settings.get_plugin_settings", raising=False)
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: tmp_path / "config")
    assert read_preferences() == PluginPreferences()
    store_hint(False)
    store_hover(True)
    assert read_preferences() == PluginPreferences(hint=False, hover=True)


def test_an_edited_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    path.write_text('{"model": "tiny", "keys": {"save": "Shift-W"}}')
    stored = PreferencesFile(path)
    assert stored.read() == PluginPreferences(model="tiny", keys={Action.SAVE: "Shift-W"})
    stored.store(hint=False)
    assert stored.read().keys == {Action.SAVE: "Shift-W"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "broken JSON"),
        ('{"size": "tiny"}', "unknown key 'size'"),
        ('{"hint": "no"}', "expected true or false"),
        ('{"keys": {"fly": "F"}}', "unknown key 'fly'"),
    ],
)
def test_a_damaged_file_is_reported_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.delattr("napari.settings.get_plugin_settings", raising=False)
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: tmp_path)
    warnings: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", warnings.append)
    path = tmp_path / "preferences.json"
    path.write_text(text)
    assert read_preferences() == PluginPreferences()
    store_hint(False)
    assert path.read_text() == text
    assert len(warnings) == 2
    assert message in warnings[0]
