"""The plugin's preferences, stored by napari as declared in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_sam2.viewer.keys import Action

PLUGIN = "napari-sam2"


@dataclass(frozen=True, slots=True)
class PluginPreferences:
    """Preferences that are kept between sessions.

    Parameters
    ----------
    model, device : str
        The model that is loaded first, and where it runs.
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
    label_format: str = ".tif"
    hover: bool = False
    hint: bool = True
    keys: Mapping[Action, str] = field(default_factory=dict)


def read_preferences() -> PluginPreferences:
    """Return the preferences; the defaults where napari does not know the plugin."""
    stored = _stored()
    return PluginPreferences() if stored is None else _preferences(stored)


def store_hover(hover: bool) -> None:
    """Store whether a preview is shown under the pointer."""
    _store("hover", hover)


def store_hint(hint: bool) -> None:
    """Store whether the hint for new users is shown."""
    _store("hint", hint)


def _store(name: str, value: bool) -> None:
    interaction = getattr(_stored(), "interaction", None)
    if getattr(interaction, name, value) != value:
        setattr(interaction, name, value)


def _stored() -> Any:
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN)
    except (KeyError, ValueError):
        return None


def _preferences(stored: Any) -> PluginPreferences:
    default = PluginPreferences()
    model, keys = getattr(stored, "model", None), getattr(stored, "keys", None)
    interaction = getattr(stored, "interaction", None)
    return PluginPreferences(
        model=getattr(model, "size", default.model),
        device=getattr(model, "device", default.device),
        label_format=getattr(getattr(stored, "output", None), "ending", default.label_format),
        hover=getattr(interaction, "hover", default.hover),
        hint=getattr(interaction, "hint", default.hint),
        keys={a: getattr(keys, a.name.lower(), a.value) or a.value for a in Action},
    )
