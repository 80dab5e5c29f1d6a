"""Keeps the layers of a viewer and the sessions on its image in step; no Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt, PromptKey
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.viewer.dims import ViewerDims
from napari_sam2.viewer.events import SyncEvents
from napari_sam2.viewer.layers.labels import hide_labels, layer_prompts, painted
from napari_sam2.viewer.layers.layer_set import METADATA, LayerRole, LayerSet
from napari_sam2.viewer.layers.points import INSIDE, OUTSIDE
from napari_sam2.viewer.prompt_controller import PromptController

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_sam2.inference.preview import Preview
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.session.session import SegmentationSession


class LayerSync:
    """Turns layers into prompts and prompts into layers, for one image in one viewer.

    The user's layers are never changed. Ours are found by identity; one that is deleted comes back
    when it is needed, with what it held.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Where the layers are.
    images : sequence of Image
        What is segmented, one for each channel.
    sessions : SessionGroup
        The sessions.
    """

    def __init__(self, viewer: Any, images: Sequence[Image], sessions: SessionGroup) -> None:
        self.viewer = viewer
        self.images = tuple(images)
        self.sessions = sessions
        self.grid = sessions.grid
        self.events = SyncEvents()
        self.family = LayerSet(viewer, images[0], self.grid, sessions.labels, self._adopt, self)
        self.edits = PromptController(sessions, self.events)
        self.place = ViewerDims(viewer, images[0], self.grid)
        self.sign = INSIDE
        self.current = 0
        self._busy = False
        self._shapes_of: set[PromptKey] = set()
        self._attach()

    def _attach(self) -> None:
        family = self.family
        _ = family.results, family.drafts, family.shapes, family.points
        self.viewer.layers.events.removed.connect(self._removed)
        for image in self.images:
            image.events.data.connect(self._image_changed)
        self.start_object()

    def detach(self) -> None:
        """Stop listening; layers and everything computed stay."""
        with suppress(ValueError, RuntimeError):
            self.viewer.layers.events.removed.disconnect(self._removed)
        for image in self.images:
            with suppress(ValueError, RuntimeError):
                image.events.data.disconnect(self._image_changed)
        for _, session in self.sessions:
            session.cancel()

    @property
    def alive(self) -> bool:
        """Whether the image is still in the viewer."""
        return all(image in self.viewer.layers for image in self.images)

    @property
    def frame(self) -> int:
        """The frame that the viewer shows."""
        return self.place.frame

    @property
    def fixed(self) -> FixedPosition:
        """Where the viewer stands on the other axes."""
        return self.place.fixed

    @property
    def session(self) -> SegmentationSession:
        """The session of what the viewer shows."""
        return self.sessions[self.fixed]

    def seed(self, layer: Labels, labels_as: LabelPromptKind) -> int:
        """Make an object of every label of a layer, on the frame that is shown.

        Raises
        ------
        UserError
            If the layer does not have the image's shape.
        """
        found = layer_prompts(layer, self.session.stack, labels_as, self.frame)
        self.take(self.fixed, found)
        return len(found)

    def take(self, fixed: FixedPosition, prompts: Iterable[Prompt]) -> None:
        """Add prompts, each in place of what was said of its object on its frame."""
        self.edits.edit([(PromptKey(fixed, p.object_id, p.frame), (p,)) for p in prompts])
        self.show_prompts()

    def load(self, prompts: PromptStore) -> None:
        """Take prompts from a file, in place of those of the same objects and frames."""
        fixed = self.fixed
        places = {(p.object_id, p.frame) for p in prompts}
        self.edits.edit([(PromptKey(fixed, o, f), prompts.get(o, f)) for o, f in sorted(places)])
        self.show_prompts()

    def start_object(self) -> int:
        """Go on with a new object, or with the last one if nothing is said of it yet."""
        unused = [o.id for o in self.sessions.objects if not self._touched(o.id)]
        object_id = unused[-1] if unused else self.session.add_object()
        self.select(object_id)
        return object_id

    def _touched(self, object_id: int) -> bool:
        asked = any(object_id in session.prompts.objects() for _, session in self.sessions)
        return asked or object_id in self.sessions.masks.objects()

    def select(self, object_id: int) -> None:
        """Make the next prompts those of an object."""
        self.current = object_id
        self.sign = INSIDE
        self._tell_layers()
        self.events.current.emit(object_id)

    def flip_sign(self) -> None:
        """Let the next clicks be inside, or outside."""
        self.sign = OUTSIDE if self.sign == INSIDE else INSIDE
        self._tell_layers()
        self.events.current.emit(self.current)

    def _tell_layers(self) -> None:
        with self._quietly():
            self.family.points.next_is(self.current, self.sign)
            self.family.shapes.next_is(self.current)
            self.family.drafts.selected_label = self.current

    def accepted(self, object_id: int) -> bool:
        """Whether all masks of an object are accepted."""
        return self.edits.accepted(object_id)

    def undo(self) -> bool:
        """Take the last prompt back, with its mask; return whether there was one."""
        return self._show_replayed(self.edits.undo())

    def redo(self) -> bool:
        """Make the prompt that was taken back again."""
        return self._show_replayed(self.edits.redo())

    def _show_replayed(self, changed: tuple[PlaneIndex, ...] | None) -> bool:
        if changed is not None:
            self.show_prompts()
            self.refresh(changed)
        return changed is not None

    def answer(self, key: PromptKey) -> Preview:
        """Compute a mask that was asked for, here and now."""
        return self.edits.answer(key)

    def refresh(self, indices: Iterable[PlaneIndex] | None = None) -> None:
        """Draw the labels again if one of the planes is shown; None for any."""
        shown = self.session.stack.index(self.frame)
        if indices is not None and self.place.plane_shown() and shown not in set(indices):
            return
        for role in (LayerRole.RESULTS, LayerRole.DRAFTS):
            layer = self.family.find(role)
            if layer is not None:
                layer.refresh(thumbnail=False, extent=False, highlight=False)

    def show_hidden(self) -> None:
        """Leave hidden objects out of the labels, or show them again."""
        hidden = [item.id for item in self.sessions.objects if item.hidden]
        for role in (LayerRole.RESULTS, LayerRole.DRAFTS):
            layer = self.family.find(role)
            if layer is not None:
                hide_labels(layer, hidden)

    def show_prompts(self) -> None:
        """Make the prompt layers hold what the sessions hold."""
        points, boxes, masks = [], [], set()
        for fixed, session in self.sessions:
            for prompt in session.prompts:
                if isinstance(prompt, PointPrompt):
                    points.append((fixed, prompt))
                elif isinstance(prompt, BoxPrompt):
                    boxes.append((fixed, prompt))
                else:
                    masks.add(PromptKey(fixed, prompt.object_id, prompt.frame))
        with self._quietly():
            self.family.points.show(points)
            self.family.shapes.show(boxes, masks)
            self._shapes_of = set(self.family.shapes.prompts())
        self._tell_layers()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def _adopt(self, role: LayerRole, layer: Any) -> None:
        """Listen to a layer that was made, and give it what it held."""
        if role is LayerRole.POINTS:
            layer.events.data.connect(self._points_changed)
        elif role is LayerRole.BOXES:
            layer.events.data.connect(self._shapes_changed)
        else:
            layer.events.paint.connect(self._painted)
            layer.bind_key("Control-Z", lambda _: self.undo(), overwrite=True)
            layer.bind_key("Control-Shift-Z", lambda _: self.redo(), overwrite=True)
        if role is LayerRole.DRAFTS:
            layer.events.selected_label.connect(self._label_picked)
        if role in (LayerRole.POINTS, LayerRole.BOXES) and any(
            len(s.prompts) for _, s in self.sessions
        ):
            self.show_prompts()
        elif self.current:
            self._tell_layers()
        self.events.made.emit(role, layer)

    def _label_picked(self, event: Any) -> None:
        picked = int(event.source.selected_label)
        if not self._busy and picked > 0 and picked != self.current:
            if picked not in self.sessions.objects:
                self.sessions.objects.add(picked)
                self.events.objects.emit()
            self.select(picked)

    def _points_changed(self, event: Any) -> None:
        if not self._busy and str(event.action).lower() in _DONE:
            wanted = self.family.points.prompts()
            self._apply(wanted, PointPrompt, lambda now, new: _with_points(now, tuple(new)))

    def _shapes_changed(self, event: Any) -> None:
        if not self._busy and str(event.action).lower() in _DONE:
            wanted = {key: [prompt] for key, prompt in self.family.shapes.prompts().items()}
            known = self._shapes_of | set(wanted)
            self._apply(wanted, (BoxPrompt, MaskPrompt), _with_shape, known)
            self._shapes_of = set(wanted)

    def _painted(self, event: Any) -> None:
        if not self._busy:
            self.edits.edit(painted(event.value, self.sessions))
            self.show_prompts()

    def _apply(
        self,
        wanted: dict[PromptKey, list[Any]],
        kinds: Any,
        merged: Callable[[tuple[Prompt, ...], list[Any]], tuple[Prompt, ...]],
        known: set[PromptKey] | None = None,
    ) -> None:
        keys = set(wanted) | (self._keys(kinds) if known is None else known)
        changes = []
        for key in sorted(keys):
            now = self.sessions[key[0]].prompts.get(key[1], key[2])
            new = merged(now, wanted.get(key, []))
            if new != now:
                changes.append((key, new))
        self.edits.edit(changes)
        self._drop_leftovers(changes)

    def _drop_leftovers(self, changes: list[tuple[PromptKey, tuple[Prompt, ...]]]) -> None:
        """Take prompts off the layers that gave way to the newest."""
        points, shapes = self.family.points.prompts(), self.family.shapes.prompts()
        for key, new in changes:
            kinds = {type(prompt) for prompt in new}
            if (key in points) != (PointPrompt in kinds) or (
                key in shapes and not kinds & {BoxPrompt, MaskPrompt}
            ):
                self.show_prompts()
                return

    def _keys(self, kinds: Any) -> set[PromptKey]:
        return {
            PromptKey(fixed, prompt.object_id, prompt.frame)
            for fixed, session in self.sessions
            for prompt in session.prompts
            if isinstance(prompt, kinds)
        }

    def _removed(self, event: Any) -> None:
        if event.value in self.images:
            self.events.lost.emit(
                f"The image {event.value.name!r} was removed. Labels and prompts stay; choose an "
                "image to go on."
            )
            return
        role = self.family.role(event.value)
        if role is not None:
            self.family.forget(role)
            self.events.notice.emit(
                f"The layer of {role.value} was deleted; nothing is lost, it returns when needed."
            )

    def _image_changed(self, event: Any) -> None:
        image = event.source
        if image.ndim != len(self.grid.axes) or not self._same_shape(image):
            self.events.lost.emit(
                f"The image {image.name!r} now has another shape. Labels and prompts stay; choose "
                "the image again to start on the new data."
            )
            return
        self.edits.aside(partial(self.sessions.set_intensity, self.sessions.intensity))
        self.events.notice.emit("The pixels of the image changed: propagate again to follow them.")

    def _same_shape(self, image: Image) -> bool:
        data = image.data[0] if image.multiscale else image.data
        shape = tuple(data.shape[: image.ndim])
        return shape == tuple(self.grid.lengths)


_DONE = (
    "added",
    "removed",
    "changed",
    "actiontype.added",
    "actiontype.removed",
    "actiontype.changed",
)


def _with_points(now: tuple[Prompt, ...], points: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    """Return what is said with other points: they replace a mask, and join a box."""
    if not points:
        return tuple(p for p in now if not isinstance(p, PointPrompt))
    return points + tuple(p for p in now if isinstance(p, BoxPrompt))


def _with_shape(now: tuple[Prompt, ...], shapes: list[Prompt]) -> tuple[Prompt, ...]:
    """Return what is said with another shape: an outline stands alone, a box joins points."""
    if shapes and isinstance(shapes[0], MaskPrompt):
        return (shapes[0],)
    return tuple(p for p in now if isinstance(p, PointPrompt)) + tuple(shapes)


def find_sync(viewer: Any) -> LayerSync | None:
    """Return what keeps a viewer's layers and sessions in step, or None.

    Layers of ours carry it, so that a script and the widget share one session without any global
    registry.
    """
    for layer in viewer.layers:
        sync: LayerSync | None = layer.metadata.get(METADATA)
        if sync is not None and sync.alive and sync.family.role(layer) is not None:
            return sync
    return None
