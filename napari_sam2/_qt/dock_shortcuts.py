"""What the keys of the widget do, and the keys while the focus is inside its dock."""

from collections.abc import Callable, Mapping
from typing import Any

from app_model.backends.qt import QKeyBindingSequence
from app_model.types import KeyBinding
from qtpy.QtCore import Qt
from qtpy.QtGui import QShortcut
from qtpy.QtWidgets import QWidget

from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.panels.objects import ObjectTable
from napari_sam2._qt.panels.tools import ToolPanel
from napari_sam2._qt.timeline.review import ReviewController
from napari_sam2.viewer.keys import USUAL_KEYS, Action, KeyBindings
from napari_sam2.viewer.tools import Tool


def actions_of(
    controller: SegmentationController,
    tools: ToolPanel,
    review: ReviewController,
    table: ObjectTable,
) -> dict[Action, Callable[[], Any]]:
    """Return what the actions do, with the parts of the widget that do it."""
    return {
        Action.PROPAGATE: controller.propagate,
        Action.PROPAGATE_ALL: controller.propagate_all,
        Action.STOP: controller.runs.stop,
        Action.ACCEPT: controller.accept_save.accept,
        Action.ACCEPT_ALL: controller.accept_save.accept_all,
        Action.NEW_OBJECT: controller.new_object,
        Action.OBJECT_PER_CLICK: tools.toggle_per_click,
        Action.CANDIDATE: controller.predictions.next_candidate,
        Action.REFINE: controller.refinement.refine_frame,
        Action.SAVE: controller.accept_save.save,
        Action.JUMP: review.next_frame,
        Action.SIGN: tools.flip_sign,
        Action.UNDO: controller.undo,
        Action.REDO: controller.redo,
        Action.POINT: lambda: tools.use(Tool.POINT),
        Action.BOX: lambda: tools.use(Tool.BOX),
        Action.OUTLINE: lambda: tools.use(Tool.OUTLINE),
        Action.PAINT: lambda: tools.use(Tool.PAINT),
        Action.LOCK: controller.frame_edits.lock_frame,
        Action.BEGIN: controller.frame_edits.begin_here,
        Action.END: controller.frame_edits.end_here,
        Action.MERGE: table.merge_selected,
    }


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
