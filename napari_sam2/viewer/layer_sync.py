"""One segmentation in one viewer: the image, its sessions, and the layers that show them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.session.history.edit_keys import EditDescription
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.volume_series.series_session import SeriesSession
from napari_sam2.viewer.dims import ViewerDims
from napari_sam2.viewer.events import SyncEvents
from napari_sam2.viewer.layers.labels import hide_labels
from napari_sam2.viewer.layers.layer_set import METADATA, LayerRole, LayerSet
from napari_sam2.viewer.prompt_controller import PromptController, execute_now
from napari_sam2.viewer.prompt_layers import PromptLayers

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_sam2.session.session import SegmentationSession

LARGE_STEP = 50
"""Steps with more values are undone and redone in the background, if there is a thread for it."""
_present: WeakSet[LayerSync] = WeakSet()
"""All that are in memory, as each keeps its session folder open; also without any layer."""


class LayerSync:
    """Keeps the layers of a viewer and the sessions on its image equal.

    The user's layers are never changed. The session's own layers are found by identity, not by
    name; a deleted one is made again with its content when it is needed.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        The viewer of the layers.
    images : sequence of Image
        The image to segment, one layer for each channel.
    sessions : SessionGroup
        The sessions on the image.

    Attributes
    ----------
    layers : LayerSet
        The layers for prompts, drafts and results.
    prompts : PromptController
        Edits of prompts, with undo.
    prompt_layers : PromptLayers
        The current object, and the layers as prompts.
    dims : ViewerDims
        The frame and the position that the viewer shows.
    series : SeriesSession
        Follows objects through time and depth, if ``sessions.series``.
    new_object_per_click : bool
        Whether each click inside an object starts a new object; selecting an object that has
        prompts or masks ends this.
    """

    def __init__(self, viewer: Any, images: Sequence[Image], sessions: SessionGroup) -> None:
        self.viewer = viewer
        self.images = tuple(images)
        self.sessions = sessions
        self.grid = sessions.grid
        self.events = SyncEvents()
        self.series = SeriesSession(sessions)
        labels = sessions.viewer_labels
        self.layers = LayerSet(viewer, images[0], self.grid, labels, self._added, self)
        self.prompts = PromptController(sessions, self.events)
        self.dims = ViewerDims(viewer, images[0], self.grid)
        self.prompt_layers = PromptLayers(
            self.layers, sessions, self.prompts, self.events, self.dims.check_plane
        )
        _present.add(self)
        self._attached = False
        self._only: frozenset[int] | None = None
        self.new_object_per_click = False
        self.events.clicked.connect(self._clicked)
        self.events.selection.connect(self._selected)
        self.layers.make_first()
        self.attach()
        self.start_object()

    @staticmethod
    def find(viewer: Any) -> LayerSync | None:
        """Return the segmentation of a viewer, of several the one that is shown, or None.

        The layers refer to it in their metadata, so that a script and the widget share one
        session without a global registry.
        """
        found = LayerSync.all_of(viewer)
        return next((sync for sync in found if sync.shown), found[0] if found else None)

    @staticmethod
    def all_of(viewer: Any) -> list[LayerSync]:
        """Return all segmentations of a viewer whose images are still there."""
        found: list[LayerSync] = []
        for layer in viewer.layers:
            sync: LayerSync | None = layer.metadata.get(METADATA)
            known = sync is None or sync in found or not sync.alive
            if sync is not None and not known and sync.layers.role(layer) is not None:
                found.append(sync)
        return found

    @staticmethod
    def of_removed_images(viewer: Any) -> list[LayerSync]:
        """Return the segmentations of a viewer whose images were removed from it."""
        return [sync for sync in _present if sync.viewer is viewer and not sync.alive]

    def remove_layers(self) -> None:
        """Disconnect from the viewer, and remove the layers of prompts and masks from it."""
        self.detach()
        for layer in self._own_layers():
            self.viewer.layers.remove(layer)

    def attach(self) -> None:
        """Follow the viewer's layers again after :meth:`detach`."""
        if self._attached:
            return
        self._attached = True
        self.viewer.layers.events.removed.connect(self._removed)
        for image in self.images:
            image.events.data.connect(self._image_changed)
            for event in _contrast_events(image):
                event.connect(self._contrast_changed)

    @property
    def shown(self) -> bool:
        """Whether one of the layers is visible."""
        return any(layer.visible for layer in self._own_layers())

    def show(self, visible: bool) -> None:
        """Show or hide the layers of this segmentation; missing ones are made again."""
        if visible:
            self.layers.make_first()
            self.prompt_layers.show()
        for layer in self._own_layers():
            layer.visible = visible

    def _own_layers(self) -> list[Any]:
        found = (self.layers.find(role) for role in LayerRole)
        return [layer for layer in found if layer is not None]

    def detach(self) -> None:
        """Cancel the runs and disconnect from the viewer; layers and masks stay."""
        self._attached = False
        with suppress(ValueError, RuntimeError):
            self.viewer.layers.events.removed.disconnect(self._removed)
        for image in self.images:
            with suppress(ValueError, RuntimeError):
                image.events.data.disconnect(self._image_changed)
                for event in _contrast_events(image):
                    event.disconnect(self._contrast_changed)
        for _, session in self.sessions:
            session.cancel()
        self.series.cancel()

    @property
    def alive(self) -> bool:
        """Whether the image is still in the viewer."""
        return all(image in self.viewer.layers for image in self.images)

    @property
    def session(self) -> SegmentationSession:
        """The session of the position that the viewer shows."""
        return self.sessions[self.dims.fixed]

    def start_object(self) -> int:
        """Select a new object, or the last one that has no prompt and no mask; return its id."""
        used = self.used_objects()
        unused = [item.id for item in self.sessions.objects if item.id not in used]
        # An object without prompts is nothing to undo.
        with self.sessions.history.unrecorded():
            object_id = unused[-1] if unused else self.session.add_object()
        self.prompt_layers.select(object_id)
        return object_id

    def is_used(self, object_id: int) -> bool:
        """Return whether an object has a prompt or a mask."""
        return object_id in self.used_objects()

    def used_objects(self) -> set[int]:
        """Return the ids of the objects that have a prompt or a mask."""
        prompted = (session.prompts.objects() for _, session in self.sessions)
        return set(self.sessions.masks.objects()).union(*prompted)

    def open_drafts(self) -> list[int]:
        """Return the ids of the objects with prompts or masks that are not accepted."""
        return [o for o in sorted(self.used_objects()) if not self.prompts.accepted(o)]

    def show_object(self, object_id: int) -> None:
        """Go to the plane of an object with its lowest score, unless one with it is shown."""
        progress = self.sessions.progress(object_id)
        shown = self.session.result(object_id, self.dims.frame)
        if progress.worst_index is not None and (shown is None or not shown.area):
            self.dims.show_plane(progress.worst_index)

    def undo(self) -> bool:
        """Undo the last step of the history and show its place; return whether there was one."""
        history = self.sessions.history
        return self._replay(history.undo, history.undo_size, "Undid")

    def redo(self) -> bool:
        """Redo the step that was undone last; see :meth:`undo`."""
        history = self.sessions.history
        return self._replay(history.redo, history.redo_size, "Redid")

    def _replay(self, replay: Callable[[], EditDescription | None], size: int, verb: str) -> bool:
        if not size:
            return False
        execute = self.prompts.execute if size > LARGE_STEP else execute_now
        try:
            execute(replay, partial(self._replayed, verb))
        except UserError as error:
            self.events.notice.emit(str(error))
        return True

    def _replayed(self, verb: str, step: EditDescription | None) -> None:
        if step is None:
            return
        self.prompts.follow(step)
        self.prompt_layers.show()
        self._show_place(step)
        self.show_hidden()
        self.refresh()
        self.events.notice.emit(f"{verb}: {step.where}.")
        self.events.objects.emit()

    def _show_place(self, step: EditDescription) -> None:
        """Show the plane of a step, unless a plane that it changed is shown, and its object."""
        index, object_id = step.place.index, step.place.object_id
        shown = self.session.stack.index(self.dims.frame)
        if index is not None and shown != index and shown not in step.planes:
            self.dims.show_plane(index)
        if object_id is not None and object_id in self.sessions.objects:
            self.prompt_layers.select(object_id)
        elif self.prompt_layers.current not in self.sessions.objects:
            self.start_object()

    def refresh(self, indices: Iterable[PlaneIndex] | None = None) -> None:
        """Redraw the labels if one of the planes is shown; None redraws in any case."""
        self.show_masks()
        shown = self.session.stack.index(self.dims.frame)
        if indices is not None and self.dims.shows_plane() and shown not in set(indices):
            return
        for layer in self._label_layers():
            layer.refresh(thumbnail=False, extent=False, highlight=False)

    def show_masks(self) -> None:
        """Make the layers of the masks that are missing, and hide the prompts of accepted objects.

        The layer of accepted and locked masks is made with the first one.
        """
        self.layers.get(LayerRole.DRAFTS)
        accepted = {item.id for item in self.sessions.objects if self.prompts.accepted(item.id)}
        if accepted or any(session.has_locks for _, session in self.sessions):
            self.layers.get(LayerRole.RESULTS)
        self.prompt_layers.hide(accepted)

    def show_only(self, object_ids: Collection[int] | None) -> None:
        """Show only some objects, without changing which ones the user has hidden; None for all."""
        self._only = None if object_ids is None else frozenset(object_ids)
        self.show_hidden()

    def show_hidden(self) -> None:
        """Make the labels of hidden objects transparent, and those of others visible."""
        only = self._only
        hidden = [
            item.id
            for item in self.sessions.objects
            if item.hidden or (only is not None and item.id not in only)
        ]
        for layer in self._label_layers():
            hide_labels(layer, hidden)

    def _label_layers(self) -> list[Any]:
        found = (self.layers.find(role) for role in (LayerRole.RESULTS, LayerRole.DRAFTS))
        return [layer for layer in found if layer is not None]

    def _added(self, role: LayerRole, layer: Any) -> None:
        layer.bind_key("Control-Z", lambda _: self.undo(), overwrite=True)
        layer.bind_key("Control-Shift-Z", lambda _: self.redo(), overwrite=True)
        if role in (LayerRole.RESULTS, LayerRole.DRAFTS):
            self.show_hidden()
        self.prompt_layers.connect(role, layer)
        self.events.layer_added.emit(role, layer)

    def _selected(self, object_id: int) -> None:
        if self.new_object_per_click and self.is_used(object_id):
            self.new_object_per_click = False

    def _clicked(self) -> None:
        if self.new_object_per_click:
            self.start_object()

    def _removed(self, event: Any) -> None:
        if event.value in self.images:
            self.events.image_lost.emit(
                f"The image {event.value.name!r} was removed. Labels and prompts stay as layers."
            )
            return
        role = self.layers.role(event.value)
        if role is not None:
            self.layers.forget(role)
            self.events.notice.emit(
                f"The layer {role.value!r} was deleted. Its content is kept, and the layer is "
                "made again when it is needed."
            )

    def _contrast_changed(self, event: Any) -> None:
        self.events.contrast.emit()

    def _image_changed(self, event: Any) -> None:
        image = event.source
        if image.ndim != len(self.grid.axes) or not self._same_shape(image):
            self.events.image_lost.emit(
                f"The image {image.name!r} now has another shape. Labels and prompts stay as "
                "layers. Press Start to segment the new data."
            )
            return
        changed = partial(self.sessions.set_intensity, self.sessions.intensity)
        self.prompts.execute(changed, lambda _: None)
        self.events.notice.emit(
            "The pixels of the image changed. Propagate again to update the masks."
        )

    def _same_shape(self, image: Image) -> bool:
        data = image.data[0] if image.multiscale else image.data
        return tuple(data.shape[: image.ndim]) == tuple(self.grid.lengths)


def _contrast_events(image: Image) -> tuple[Any, ...]:
    return image.events.contrast_limits, image.events.gamma, image.events.colormap
