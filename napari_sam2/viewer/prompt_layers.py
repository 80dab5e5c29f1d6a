"""Prompts as napari layers: which layer edits change which prompts, and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from napari.layers.base import ActionType

from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt, PromptKey
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.viewer.events import SyncEvents
from napari_sam2.viewer.layers.labels import prompts_from_paint
from napari_sam2.viewer.layers.layer_set import LayerRole, LayerSet
from napari_sam2.viewer.layers.points import INSIDE, OUTSIDE
from napari_sam2.viewer.prompt_controller import PromptController, PromptEdit

_FINISHED = (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED)
_Merge = Callable[[tuple[Prompt, ...], list[Any]], tuple[Prompt, ...]]


class PromptLayers:
    """Keeps the points, the shapes and the prompts of the sessions equal.

    Parameters
    ----------
    layers : LayerSet
        The layers.
    sessions : SessionGroup
        The sessions, which hold the prompts.
    prompts : PromptController
        Receives the edits.
    events : SyncEvents
        Receives changes of the current object, and notices.
    check_view : Callable
        Raises a UserError with advice where the viewer shows no plane to click on.

    Attributes
    ----------
    current : int
        Id of the object that the next prompt belongs to.
    sign : str
        Whether the next point lies inside or outside the object.
    """

    def __init__(
        self,
        layers: LayerSet,
        sessions: SessionGroup,
        prompts: PromptController,
        events: SyncEvents,
        check_view: Callable[[], None] = lambda: None,
    ) -> None:
        self._check_view = check_view
        self._layers = layers
        self._sessions = sessions
        self._prompts = prompts
        self._events = events
        self._updating = False
        self._keys_of_shapes: set[PromptKey] = set()
        self._hidden: frozenset[int] = frozenset()
        self.current = 0
        self.sign = INSIDE

    def select(self, object_id: int) -> None:
        """Make an object the current one."""
        self.current = object_id
        self.sign = INSIDE
        self._show_selection()
        self._events.selection.emit(object_id)

    def flip_sign(self) -> None:
        """Switch the next points between inside and outside."""
        self.sign = OUTSIDE if self.sign == INSIDE else INSIDE
        self._show_selection()
        self._events.selection.emit(self.current)

    def replace(self, fixed: FixedPosition, prompts: Iterable[Prompt], title: str) -> None:
        """Give objects new prompts, in place of those they have on the same frames.

        Parameters
        ----------
        fixed : FixedPosition
            Position of the session.
        prompts : iterable of Prompt
            The prompts.
        title : str
            What the user did, for the history.
        """
        self.replace_at({fixed: prompts}, title)

    def replace_at(self, prompts: Mapping[FixedPosition, Iterable[Prompt]], title: str) -> None:
        """Give objects new prompts at several positions as one step; see :meth:`replace`."""
        grouped: dict[PromptKey, tuple[Prompt, ...]] = {}
        for fixed, given in prompts.items():
            for prompt in given:
                key = PromptKey(fixed, prompt.object_id, prompt.frame)
                grouped[key] = (*grouped.get(key, ()), prompt)
        self._prompts.edit(list(grouped.items()), title)
        self.show()

    def show(self) -> None:
        """Make the layers hold the prompts of the sessions."""
        points, boxes, masks = [], [], set()
        for fixed, session in self._sessions:
            for prompt in session.prompts:
                if isinstance(prompt, PointPrompt):
                    points.append((fixed, prompt))
                elif isinstance(prompt, BoxPrompt):
                    boxes.append((fixed, prompt))
                else:
                    masks.add(PromptKey(fixed, prompt.object_id, prompt.frame))
        with self._without_events():
            self._layers.points.show(points)
            shapes = self._layers.shapes if boxes else self._layers.present_shapes
            if shapes is not None:
                shapes.show(boxes, masks)
                self._keys_of_shapes = set(shapes.prompts())
        self.hide(self._hidden)
        self._show_selection()

    def hide(self, object_ids: Collection[int]) -> None:
        """Hide the prompts of some objects, in place of those hidden before."""
        self._hidden = frozenset(object_ids)
        with self._without_events():
            self._layers.points.hide(self._hidden)
            if self._layers.present_shapes is not None:
                self._layers.present_shapes.hide(self._hidden)

    def connect(self, role: LayerRole, layer: Any) -> None:
        """Follow the edits of a new layer, and make it hold the prompts."""
        if role is LayerRole.POINTS:
            layer.events.data.connect(self._points_changed)
            layer.events.features.connect(self._point_selected)
        elif role is LayerRole.BOXES:
            layer.events.data.connect(self._shapes_changed)
        elif role in (LayerRole.DRAFTS, LayerRole.RESULTS):
            layer.events.paint.connect(self._painted)
        if role is LayerRole.DRAFTS:
            layer.events.selected_label.connect(self._label_selected)
        prompt_layer = role in (LayerRole.POINTS, LayerRole.BOXES)
        if prompt_layer and any(len(session.prompts) for _, session in self._sessions):
            self.show()
        elif self.current:
            self._show_selection()

    def _show_selection(self) -> None:
        with self._without_events():
            self._layers.points.set_next(self.current, self.sign)
            if self._layers.present_shapes is not None:
                self._layers.present_shapes.set_next(self.current)
            self._layers.drafts.selected_label = self.current

    @contextmanager
    def _without_events(self) -> Iterator[None]:
        before, self._updating = self._updating, True
        try:
            yield
        finally:
            self._updating = before

    def _label_selected(self, event: Any) -> None:
        selected = int(event.source.selected_label)
        if self._updating or selected <= 0 or selected == self.current:
            return
        if selected not in self._sessions.objects:
            with self._sessions.history.unrecorded():
                self._sessions.objects.add(selected)
            self._events.objects.emit()
        self.select(selected)

    def _points_changed(self, event: Any) -> None:
        if self._updating or event.action not in _FINISHED or self._is_hidden(event):
            return
        # napari counts points that its tool adds from the end: the others need not be read.
        indices, layer = event.data_indices, self._layers.points
        if event.action == ActionType.ADDED and indices and max(indices) < 0:
            rows = slice(int(min(indices)), None)
            added = layer.prompts(rows)
            edits = self._edit(added, set(added), _add_points)
            if any(point.label for points in added.values() for point in points):
                self._events.clicked.emit()
        else:
            rows = slice(None)
            found = layer.prompts()
            edits = self._edit(found, set(found) | self._keys_of_points(), _replace_points)
        if layer.outside(rows):
            self._reject("The click lies outside the image. Click inside the image.")
        else:
            self._show_if_replaced(edits, (PointPrompt,))

    def _point_selected(self, event: Any) -> None:
        """Keep the next point on the current object; napari copies from the one it selects."""
        defaults = event.source.feature_defaults
        if not self._updating and int(defaults["object_id"][0]) != self.current:
            self._show_selection()

    def _shapes_changed(self, event: Any) -> None:
        if self._updating or event.action not in _FINISHED or self._is_hidden(event):
            return
        layer = self._layers.shapes
        found = {key: [prompt] for key, prompt in layer.prompts().items()}
        keys = self._keys_of_shapes | set(found)
        self._keys_of_shapes = set(found)
        edits = self._edit(found, keys, _replace_shape)
        if layer.unused():
            self._reject("The shape encloses no pixel of the image. Draw it on the image.")
        elif layer.cut():
            self.show()
        else:
            self._show_if_replaced(edits, (BoxPrompt, MaskPrompt))

    def _painted(self, event: Any) -> None:
        if self._updating:
            return
        changes = prompts_from_paint(event.value, self._sessions)
        try:
            self._check_view()
        except UserError as error:
            self._events.notice.emit(str(error))
            edits: tuple[PromptEdit, ...] = ()
        else:
            edits = self._prompts.edit(changes)
        kept = {key for key, _ in changes} - {edit.key for edit in edits}
        for key in kept:
            session = self._sessions[key.position]
            redraw = partial(session.redraw_frame, key.object_id, key.frame)
            self._prompts.execute(redraw, lambda _: None)
        if kept:
            event.source.refresh()
        self._show_if_replaced(edits, ())

    def _is_hidden(self, event: Any) -> bool:
        """Take back what was added while no plane is shown; return whether this was so."""
        if event.action != ActionType.ADDED:
            return False
        try:
            self._check_view()
        except UserError as error:
            self._reject(str(error))
            return True
        return False

    def _reject(self, advice: str) -> None:
        """Remove what is no prompt from the layers."""
        self._events.notice.emit(advice)
        self.show()

    def _edit(
        self, found: dict[PromptKey, list[Any]], keys: set[PromptKey], merge: _Merge
    ) -> tuple[PromptEdit, ...]:
        changes = []
        for key in sorted(keys):
            before = self._sessions[key.position].prompts.get(key.object_id, key.frame)
            after = merge(before, found.get(key, []))
            if after != before:
                changes.append((key, after))
        edits = self._prompts.edit(changes)
        if len(edits) < len(changes):
            self.show()
        return edits

    def _show_if_replaced(
        self, edits: tuple[PromptEdit, ...], edited: tuple[type[Prompt], ...]
    ) -> None:
        """Remove prompts of other kinds than the edited ones that an edit has replaced."""
        for edit in edits:
            removed = {type(p) for p in edit.before} - {type(p) for p in edit.after}
            if removed - set(edited):
                self.show()
                return

    def _keys_of_points(self) -> set[PromptKey]:
        return {
            PromptKey(fixed, prompt.object_id, prompt.frame)
            for fixed, session in self._sessions
            for prompt in session.prompts
            if isinstance(prompt, PointPrompt)
        }


def _add_points(before: tuple[Prompt, ...], points: list[Prompt]) -> tuple[Prompt, ...]:
    """Return prompts with more points, which replace a mask."""
    return tuple(p for p in before if not isinstance(p, MaskPrompt)) + tuple(points)


def _replace_points(before: tuple[Prompt, ...], points: list[Prompt]) -> tuple[Prompt, ...]:
    """Return prompts with other points, which replace a mask and stand beside a box."""
    if not points:
        return tuple(p for p in before if not isinstance(p, PointPrompt))
    return tuple(points) + tuple(p for p in before if isinstance(p, BoxPrompt))


def _replace_shape(before: tuple[Prompt, ...], shapes: list[Prompt]) -> tuple[Prompt, ...]:
    """Return prompts with another shape: an outline stands alone, a box beside points."""
    if shapes and isinstance(shapes[0], MaskPrompt):
        return (shapes[0],)
    return tuple(p for p in before if isinstance(p, PointPrompt)) + tuple(shapes)
