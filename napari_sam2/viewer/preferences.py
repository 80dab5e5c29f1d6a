"""The user's settings of the plugin, as napari keeps them for the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.viewer.keys import Action

PLUGIN = "napari-sam2"


@dataclass(frozen=True, slots=True)
class PluginPreferences:
    """Choices that outlive a session.

    Parameters
    ----------
    model, device : str
        What is loaded first.
    ending : str
        Format of saved labels.
    hover : bool
        Show a preview under the mouse.
    hint : bool
        Show the hint for those who are new.
    keys : mapping of Action to str
        Keys in place of the usual ones.
    """

    model: str = "micro"
    device: str = "auto"
    ending: str = ".tif"
    hover: bool = False
    hint: bool = True
    keys: Mapping[Action, str] = field(default_factory=dict)


def read_preferences() -> PluginPreferences:
    """Return the settings; the usual ones where napari does not know the plugin."""
    found = _found()
    return PluginPreferences() if found is None else _settings(found)


def keep_hover(hover: bool) -> None:
    """Let new widgets show a preview under the mouse, or not."""
    _keep("hover", hover)


def keep_hint(hint: bool) -> None:
    """Let new widgets show the hint for those who are new, or not."""
    _keep("hint", hint)


def _keep(name: str, value: bool) -> None:
    interaction = getattr(_found(), "interaction", None)
    if getattr(interaction, name, value) != value:
        setattr(interaction, name, value)


def _found() -> Any:
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN)
    except (KeyError, ValueError):
        return None


def _settings(found: Any) -> PluginPreferences:
    from napari_sam2.viewer.keys import Action

    usual = PluginPreferences()
    model, keys = getattr(found, "model", None), getattr(found, "keys", None)
    interaction = getattr(found, "interaction", None)
    chosen = {a: getattr(keys, a.name.lower(), a.value) or a.value for a in Action}
    return PluginPreferences(
        model=getattr(model, "size", usual.model),
        device=getattr(model, "device", usual.device),
        ending=getattr(getattr(found, "output", None), "ending", usual.ending),
        hover=getattr(interaction, "hover", usual.hover),
        hint=getattr(interaction, "hint", usual.hint),
        keys=chosen,
    )
