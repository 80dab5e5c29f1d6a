"""The plugin's preferences, stored by napari, or in a file where napari is older than 0.9."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

import platformdirs

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.json_reader import JsonNode, parse_json
from napari_sam2.inference.model_catalog import AUTO_DTYPE
from napari_sam2.viewer.keys import Action

PLUGIN = "napari-sam2"


@dataclass(frozen=True, slots=True)
class PluginPreferences:
    """Preferences that are kept between sessions.

    Parameters
    ----------
    model, device : str
        The model that is loaded first, and where it runs.
    dtype : str
        Number format of the model.
    label_format : str
        Ending of the names of saved labels, see :class:`OutputDestination`.
    hover : bool
        Whether a preview is shown under the pointer.
    hint : bool
        Whether the hint for new users is shown.
    keys : mapping of Action to str
        Keys that replace the default ones.
    """

    model: str = "micro"
    device: str = "auto"
    dtype: str = AUTO_DTYPE
    label_format: str = ".tif"
    hover: bool = False
    hint: bool = True
    keys: Mapping[Action, str] = field(default_factory=dict)


class PreferenceStorage(Protocol):
    """Where preferences are kept."""

    def read(self) -> PluginPreferences:
        """Return the preferences, with the default for what is not stored."""

    def store(self, *, hover: bool | None = None, hint: bool | None = None) -> None:
        """Change preferences; None keeps one."""


def preference_storage() -> PreferenceStorage:
    """Return napari's settings of this plugin, or a file of our own for older versions."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return PreferencesFile(platformdirs.user_config_path(PLUGIN) / "preferences.json")
    try:
        return NapariSettings(get_plugin_settings(PLUGIN))
    except (KeyError, ValueError):
        return NapariSettings(None)


@dataclass(frozen=True)
class NapariSettings:
    """Preferences in napari's settings, as declared in the manifest (napari 0.9 and later).

    Parameters
    ----------
    settings : object or None
        napari's settings of this plugin; None where napari does not know the plugin.
    """

    settings: Any

    def read(self) -> PluginPreferences:
        """Return the preferences, with the default for what is not stored."""
        if self.settings is None:
            return PluginPreferences()
        default, stored = PluginPreferences(), self.settings
        model, keys = getattr(stored, "model", None), getattr(stored, "keys", None)
        interaction = getattr(stored, "interaction", None)
        return PluginPreferences(
            model=getattr(model, "size", default.model),
            device=getattr(model, "device", default.device),
            dtype=getattr(model, "dtype", default.dtype),
            label_format=getattr(getattr(stored, "output", None), "ending", default.label_format),
            hover=getattr(interaction, "hover", default.hover),
            hint=getattr(interaction, "hint", default.hint),
            keys={a: getattr(keys, a.name.lower(), a.value) or a.value for a in Action},
        )

    def store(self, *, hover: bool | None = None, hint: bool | None = None) -> None:
        """Change preferences; None keeps one."""
        interaction = getattr(self.settings, "interaction", None)
        for name, value in (("hover", hover), ("hint", hint)):
            if value is not None and getattr(interaction, name, value) != value:
                setattr(interaction, name, value)


@dataclass(frozen=True)
class PreferencesFile:
    """Preferences in a JSON file, which users may edit.

    Parameters
    ----------
    path : Path
        The file; created with the first change.
    """

    path: Path

    def read(self) -> PluginPreferences:
        """Return the preferences, with the default for what is not stored.

        Raises
        ------
        UserError
            If the file is damaged, or has an unknown name or a value of the wrong type.
        """
        if not self.path.exists():
            return PluginPreferences()
        node = parse_json(read_text(self.path), str(self.path))
        names = [item.name for item in fields(PluginPreferences)]
        found = {name: _value(name, item) for name, item in node.fields((), names).items()}
        return PluginPreferences(**found)

    def store(self, *, hover: bool | None = None, hint: bool | None = None) -> None:
        """Write the preferences with some changes; None keeps one.

        Raises
        ------
        UserError
            If the present file is damaged; it is kept.
        """
        stored = self.read()
        preferences = replace(
            stored,
            hover=stored.hover if hover is None else hover,
            hint=stored.hint if hint is None else hint,
        )
        keys = {action.name.lower(): key for action, key in preferences.keys.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, json.dumps({**asdict(preferences), "keys": keys}, indent=2))


def _value(name: str, node: JsonNode) -> Any:
    if name == "keys":
        actions = {action.name.lower(): action for action in Action}
        return {actions[key]: item.text() for key, item in node.fields((), actions).items()}
    if isinstance(getattr(PluginPreferences(), name), bool):
        return node.boolean()
    return node.text()


def read_preferences() -> PluginPreferences:
    """Return the preferences; the defaults, with a warning, if they cannot be read."""
    try:
        return preference_storage().read()
    except UserError as error:
        _warn(f"{error} The default preferences are used. Correct or delete the file.")
        return PluginPreferences()


def store_hover(hover: bool) -> None:
    """Store whether a preview is shown under the pointer."""
    _store(hover=hover)


def store_hint(hint: bool) -> None:
    """Store whether the hint for new users is shown."""
    _store(hint=hint)


def _store(*, hover: bool | None = None, hint: bool | None = None) -> None:
    try:
        preference_storage().store(hover=hover, hint=hint)
    except (UserError, OSError) as error:
        _warn(f"The preferences cannot be stored: {error}")


def _warn(text: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(text)
