"""Keys that no napari layer uses, bound while the widget is open."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any


class Action(Enum):
    """What a key does, with the key it has unless the settings say otherwise."""

    PROPAGATE = "G"
    STOP = "H"
    JUMP = "J"
    SIGN = "K"
    ACCEPT = "N"
    CANDIDATE = "Q"
    UNDO = "U"
    SAVE = "W"
    POINT = "Shift-K"
    BOX = "Shift-G"
    OUTLINE = "Shift-H"
    PAINT = "Shift-N"
    SHARPEN = "Shift-Q"
    REDO = "Shift-U"


class KeyBindings:
    """Binds actions on a viewer and gives back what was there.

    Parameters
    ----------
    viewer : napari.Viewer
        Keys act while its canvas has the focus; text fields keep theirs.
    chosen : mapping of Action to str, optional
        Keys in place of the usual ones, in napari's words, e.g. ``"Shift-G"``.
    """

    def __init__(self, viewer: Any, chosen: Mapping[Action, str] | None = None) -> None:
        self._viewer = viewer
        self._chosen = {**{action: action.value for action in Action}, **(chosen or {})}
        self._bound: dict[str, Any] = {}

    def key(self, action: Action) -> str:
        """Return the key of an action for buttons and tooltips, e.g. ``"Shift+K"``."""
        return self._chosen[action].replace("-", "+")

    def bind(self, actions: Mapping[Action, Callable[[], Any]]) -> None:
        """Bind actions until :meth:`release`."""
        for action, call in actions.items():
            key = self._chosen[action]
            before = self._viewer.keymap.copy()
            self._viewer.bind_key(key, _ignoring_viewer(call), overwrite=True)
            new = {k: before.get(k) for k in self._viewer.keymap if k not in before}
            self._bound.update(new or {key: None})

    def release(self) -> None:
        """Unbind what was bound."""
        for key in self._bound:
            self._viewer.keymap.pop(key, None)
        self._bound.clear()


def _ignoring_viewer(call: Callable[[], Any]) -> Callable[[Any], None]:
    def act(viewer: Any) -> None:
        call()

    return act
