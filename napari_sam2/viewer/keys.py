"""Keyboard shortcuts, bound on a viewer while the widget is open."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any


class Action(Enum):
    """What a key does; the value is its default key, which no napari layer uses."""

    PROPAGATE = "G"
    PROPAGATE_ALL = "Shift-G"
    STOP = "H"
    JUMP = "J"
    SIGN = "K"
    ACCEPT = "N"
    ACCEPT_ALL = "Shift-N"
    NEW_OBJECT = "Y"
    OBJECT_PER_CLICK = "Shift-Y"
    CANDIDATE = "Q"
    UNDO = "U"
    SAVE = "W"
    POINT = "Shift-K"
    BOX = "Shift-B"
    OUTLINE = "Shift-O"
    PAINT = "Shift-D"
    REFINE = "Shift-Q"
    REDO = "Shift-U"
    LOCK = "Shift-J"
    BEGIN = "Shift-Z"
    END = "Shift-X"
    MERGE = "Shift-M"


USUAL_KEYS = {Action.UNDO: "Ctrl-Z", Action.REDO: "Ctrl-Shift-Z"}
"""Keys in addition to those that the user can change."""


class KeyBindings:
    """Binds actions to keys of a viewer, and unbinds them.

    Parameters
    ----------
    viewer : napari.Viewer
        Keys act while its canvas has the focus, not in text fields.
    keys : mapping of Action to str, optional
        Keys that replace the default ones, in napari's notation, e.g. ``"Shift-G"``.
    """

    def __init__(self, viewer: Any, keys: Mapping[Action, str] | None = None) -> None:
        self._viewer = viewer
        self._keys = {**{action: action.value for action in Action}, **(keys or {})}
        self._bound: list[Any] = []

    def key(self, action: Action) -> str:
        """Return the key of an action as shown to the user, e.g. ``"Shift+K"``."""
        return self._keys[action].replace("-", "+")

    def bind(self, actions: Mapping[Action, Callable[[], Any]]) -> None:
        """Bind actions until :meth:`release` is called."""
        for action, call in actions.items():
            self._bind(self._keys[action], call)
            if action in USUAL_KEYS:
                # Keys of the active layer come first, e.g. those of the user's own labels.
                self._bind(USUAL_KEYS[action], call)

    def _bind(self, key: str, call: Callable[[], Any]) -> None:
        before = set(self._viewer.keymap)
        self._viewer.bind_key(key, _without_viewer(call), overwrite=True)
        self._bound += [bound for bound in self._viewer.keymap if bound not in before]

    def release(self) -> None:
        """Unbind the keys that :meth:`bind` has bound."""
        for key in self._bound:
            self._viewer.keymap.pop(key, None)
        self._bound.clear()


def _without_viewer(call: Callable[[], Any]) -> Callable[[Any], None]:
    def act(viewer: Any) -> None:
        call()

    return act
