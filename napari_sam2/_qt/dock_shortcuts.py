"""The keys of the widget while the focus is inside its dock."""

from collections.abc import Callable, Mapping
from typing import Any

from app_model.backends.qt import QKeyBindingSequence
from app_model.types import KeyBinding
from qtpy.QtCore import Qt
from qtpy.QtGui import QShortcut
from qtpy.QtWidgets import QWidget

from napari_sam2.viewer.keys import USUAL_KEYS, Action, KeyBindings


class DockShortcuts:
    """Makes the keys work in lists and buttons of the dock; text fields receive what is typed.

    Parameters
    ----------
    dock : QWidget
        The widget.
    actions : mapping of Action to Callable
        What the keys do.
    keys : KeyBindings
        The keys of the actions.
    """

    def __init__(
        self, dock: QWidget, actions: Mapping[Action, Callable[[], Any]], keys: KeyBindings
    ) -> None:
        for action, call in actions.items():
            _add(dock, keys.key(action), call)
            if action in USUAL_KEYS:
                _add(dock, USUAL_KEYS[action], call)


def _add(dock: QWidget, key: str, call: Callable[[], Any]) -> None:
    shortcut = QShortcut(dock)
    shortcut.setKey(QKeyBindingSequence(KeyBinding.from_str(key)))
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    shortcut.activated.connect(lambda: call())
