"""Sessions on image layers: the one in the viewer, the one that was saved, or a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.session.events import RunPhase
from napari_sam2.session.saved_sessions import (
    create_saved_sessions,
    find_sessions,
    restore_sessions,
    saved_axes,
)
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.settings import DISK_CACHE_BYTES, SessionSettings
from napari_sam2.session.storage.session_folder import SessionFolder, read_description
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.viewer.image_layers import (
    SESSION_PATH,
    axis_choices,
    intensity_from_layers,
    opening_notes,
    stack_from_layers,
)
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerRole

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor


@dataclass(frozen=True)
class OpenedLayers:
    """A segmentation on image layers.

    Parameters
    ----------
    sync : LayerSync
        The segmentation.
    restored : bool
        Whether it was read from its folder, so that its labels must be drawn.
    notes : tuple of str
        Messages for the user.
    """

    sync: LayerSync
    restored: bool = False
    notes: tuple[str, ...] = ()


def open_layers(
    viewer: Any, images: Sequence[Image], predictor: Predictor, along: str | None = None
) -> OpenedLayers:
    """Show the session on image layers, and hide the layers of other sessions.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        The viewer of the layers.
    images : sequence of Image
        The image, one layer for each channel.
    predictor : Predictor
        The model; the session uses it from now on.
    along : str or None
        The propagated axis, or ``"t,z"`` for a series of volumes. None continues the session that
        is shown, that the layers were opened from, or that was saved and edited last, with its
        axes; without one it selects t, else z.

    Raises
    ------
    UserError
        If the layers cannot be segmented.
    """
    notes: tuple[str, ...] = ()
    if along is None:
        along, notes = _axes_to_continue(viewer, images)
    series = along == TIME_AND_DEPTH
    opened = _opened(viewer, images, predictor, "z" if series else along)
    sessions = opened.sync.sessions
    before = sessions.axis_choice
    with suppress(OSError):  # Written again by ``input_changes``, which reports that it failed.
        sessions.series = series and sessions.stack.along == "z"
    if opened.restored:
        notes = (*opened.notes, _axes_text(before, sessions.axis_choice), *notes)
        return replace(opened, notes=notes)
    return opened


def _axes_to_continue(viewer: Any, images: Sequence[Image]) -> tuple[str | None, tuple[str, ...]]:
    """Return the axes of the session to continue, None for no session, and messages."""
    shown = [sync for sync in LayerSync.all_of(viewer) if _has_images(sync, images)]
    if shown:
        sync = next((sync for sync in shown if sync.shown), shown[-1])
        return sync.sessions.axis_choice, ()
    saved = _saved_session(images[0])
    if saved is not None:
        return read_description(saved).axis_choice, ()
    found = saved_axes(_stacks(images, tuple(viewer.dims.axis_labels)))
    if len(found) < 2:
        return (found[0] if found else None), ()
    others = ", ".join(map(in_words, found[1:]))
    return found[0], (f"Earlier sessions along other axes: {others}; choose them in Along.",)


def _stacks(images: Sequence[Image], names: Sequence[str]) -> Iterator[Stack]:
    """Yield layers as stacks along each axis that they have, or may have without axis names."""
    for axis in axis_choices(images[0], names):
        # A session along t and z is saved as one along z.
        if axis != TIME_AND_DEPTH:
            with suppress(UserError):
                yield stack_from_layers(images, along=axis, dims_labels=names)


def _axes_text(saved: str, now: str) -> str:
    """Return a message about the axes of a session that was opened."""
    if saved == now:
        return f"Objects are tracked along {in_words(now)}."
    return (
        f"It was saved along {in_words(saved)}; now objects are tracked along {in_words(now)}. "
        "Prompts and masks are the same."
    )


def in_words(axes: str) -> str:
    """Return e.g. ``"t and z"`` for ``"t,z"``."""
    return axes.replace(",", " and ")


def _opened(
    viewer: Any, images: Sequence[Image], predictor: Predictor, along: str | None
) -> OpenedLayers:
    syncs = LayerSync.all_of(viewer)
    saved = _saved_session(images[0])
    if saved is not None and along != read_description(saved).along:
        saved = None
    names = tuple(viewer.dims.axis_labels)
    stack = stack_from_layers(images, along=along, dims_labels=names)
    sync = next((item for item in syncs if _is_session_of(item, images, stack)), None)
    for other in syncs:
        if other is not sync and _has_images(other, images) and _is_empty(other):
            other.remove_layers()
        elif other is not sync:
            other.show(False)
    if sync is not None:
        if sync.sessions.predictor is not predictor:
            sync.sessions.set_predictor(predictor)
        sync.attach()
        sync.show(True)
        return OpenedLayers(sync)
    folders = find_sessions(stack) if saved is None else (saved,)
    _close_removed(viewer, folders)
    sessions, notes = _open(stack, images, predictor, folders)
    restored = sessions.folder is not None and sessions.folder.path is not None
    notes = (*opening_notes(images), *notes)
    return OpenedLayers(LayerSync(viewer, images, sessions), restored, notes)


def _saved_session(image: Image) -> Path | None:
    """Return the folder of the session that a layer was opened from, if it is still there."""
    path = image.metadata.get(SESSION_PATH)
    return Path(path) if path is not None and SessionFolder.exists(Path(path)) else None


def _has_images(sync: LayerSync, images: Sequence[Image]) -> bool:
    same = (a is b for a, b in zip(sync.images, images, strict=False))
    return len(sync.images) == len(images) and all(same)


def _is_session_of(sync: LayerSync, images: Sequence[Image], stack: Stack) -> bool:
    now = sync.sessions.stack
    same_frames = (now.along, now.full_shape) == (stack.along, stack.full_shape)
    return same_frames and _has_images(sync, images)


def _is_empty(sync: LayerSync) -> bool:
    """Return whether there is no prompt, mask, candidate, or step to undo or redo."""
    history = sync.sessions.history
    steps = len(history) or history.redo_title is not None
    candidates = sync.layers.find(LayerRole.CANDIDATES) is not None
    return not (steps or candidates or sync.used_objects())


def _close_removed(viewer: Any, folders: Sequence[Path]) -> None:
    """Close sessions of images that were removed, as a folder cannot be opened a second time.

    Their layers are removed, as their content comes back in those of the session.
    """
    for sync in LayerSync.of_removed_images(viewer):
        folder = sync.sessions.folder
        saved = folder is not None and folder.path in folders and not folder.failed
        runs = (sync.series.run, *(session.run for _, session in sync.sessions))
        if saved and not any(run.phase is RunPhase.RUNNING for run in runs):
            sync.remove_layers()
            sync.sessions.close()


def _open(
    stack: Stack, images: Sequence[Image], predictor: Predictor, folders: Sequence[Path]
) -> tuple[SessionGroup, tuple[str, ...]]:
    """Return the first saved sessions of an image that open, or new ones, and messages."""
    intensity, notes = intensity_from_layers(images), []
    for path in folders:
        try:
            sessions = restore_sessions(path, stack, predictor, intensity=intensity)
        except UserError as error:
            notes.append(f"An earlier session is not opened. {error}")
        else:
            prompted = (session.prompts.objects() for _, session in sessions)
            count = len(set(sessions.masks.objects()).union(*prompted))
            number = f"{count} object{'s' * (count != 1)}"
            notes.append(f"The session in {path} continues, with {number}.")
            notes += _other_sessions(folders, path)
            return sessions, tuple(notes)
    if notes:
        notes.append("A new session begins.")
    # Corrections and other objects come back to the same frames.
    settings = SessionSettings(disk_cache_bytes=DISK_CACHE_BYTES)
    made = create_saved_sessions(stack, predictor, intensity=intensity, settings=settings)
    return made, tuple(notes)


def _other_sessions(folders: Sequence[Path], opened: Path) -> list[str]:
    """Return a message about sessions of the same image and axis that are not opened."""
    others = ", ".join(str(path) for path in folders if path != opened)
    return [f"Not opened: {others}. File > Open opens a session by its folder."] if others else []


def input_changes(sessions: SessionGroup) -> str:
    """Return a message if image or model differ from those that were saved, else ""; reads pixels.

    See :meth:`SessionGroup.check_input`.
    """
    texts = "; ".join(map(str, sessions.check_input()))
    if not texts:
        return ""
    return (
        f"The saved session has another image or model: {texts}. Propagate again to update the "
        "masks, or open the earlier ones."
    )
