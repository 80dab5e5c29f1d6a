"""Open the sessions that were saved, and create new ones that will be."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.inference.model_catalog import AUTO_DEVICE, predictor_of
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.storage.run_description import RunDifference
from napari_sam2.session.storage.session_description import SessionDescription
from napari_sam2.session.storage.session_folder import SessionFolder, last_edit, read_description
from napari_sam2.session.storage.session_image import image_path, open_session_image
from napari_sam2.session.storage.session_location import session_paths

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor


@dataclass(frozen=True)
class OpenedSession:
    """A session that was opened from its folder.

    Parameters
    ----------
    sessions : SessionGroup
        Everything as it was saved, with the image and the model of now.
    differences : tuple of RunDifference
        How image and model differ from those that the session was saved with. Decide whether to
        continue before anything is computed; to decline, call ``sessions.close()``.
    """

    sessions: SessionGroup
    differences: tuple[RunDifference, ...]


def open_session_folder(
    path: Path | str,
    stack: Stack | None = None,
    predictor: Predictor | str | Path | None = None,
    *,
    device: str = AUTO_DEVICE,
    intensity: Intensity | None = None,
    labels: DraftAndResultLabels | None = None,
) -> OpenedSession:
    """Open the folder of an earlier session with its prompts, masks, objects and history.

    Parameters
    ----------
    path : Path or str
        The folder.
    stack : Stack or None
        The image, open along the axis of the session; None opens the file that the session names.
    predictor : Predictor, str, Path or None
        The model, or its name or weights file; None loads the one that the session names.
    device : str
        Device of a model that is loaded, see :func:`napari_sam2.open_session`.
    intensity : Intensity or None
        Contrast of the image that the model is shown; None for that of the session.
    labels : DraftAndResultLabels or None
        Empty label images; None creates them in memory. The saved masks are drawn by
        :meth:`SessionGroup.redraw`.

    Raises
    ------
    UserError
        If there is no session, or it is in use, damaged, of a newer version, or of an image of
        other axes or another shape; if its image or model is needed and is not found.
    """
    folder = Path(path)
    description = read_description(folder)
    if stack is None:
        stack = open_session_image(image_path(folder, description), description)
    model = description.model.name if predictor is None else predictor
    if isinstance(model, str | Path):
        model = predictor_of(model, device)
    sessions = restore_sessions(folder, stack, model, intensity=intensity, labels=labels)
    try:
        return OpenedSession(sessions, sessions.differences())
    except BaseException:
        sessions.close()
        raise


def restore_sessions(
    path: Path | str,
    stack: Stack,
    predictor: Predictor,
    *,
    intensity: Intensity | None = None,
    labels: DraftAndResultLabels | None = None,
) -> SessionGroup:
    """Open a session folder as :func:`open_session_folder` does, without reading any pixel.

    Compare image and model by :meth:`SessionGroup.check_input` later.
    """
    folder = SessionFolder.open(Path(path))
    try:
        folder.description.check_shape(stack)
        return SessionGroup(
            stack,
            predictor,
            folder.description.intensity if intensity is None else intensity,
            DraftAndResultLabels.make(stack) if labels is None else labels,
            folder.description.settings,
            folder,
        )
    except BaseException:
        folder.close()
        raise


def create_saved_sessions(
    stack: Stack,
    predictor: Predictor,
    *,
    intensity: Intensity | None = None,
    settings: SessionSettings | None = None,
    labels: DraftAndResultLabels | None = None,
) -> SessionGroup:
    """Create sessions that are saved from the first edit on.

    Parameters
    ----------
    stack : Stack
        The image; its session is saved at :func:`session_paths`.
    predictor : Predictor
        The model.
    intensity : Intensity or None
        Contrast of the image that the model is shown; None chooses it from a sample of the data.
    settings : SessionSettings or None
        None uses the default settings.
    labels : DraftAndResultLabels or None
        Label images for drafts and results; None creates them in memory.
    """
    chosen = choose_intensity(stack) if intensity is None else intensity
    settings = settings or SessionSettings()
    description = SessionDescription.of(stack, predictor, chosen, settings)
    folder = SessionFolder.new(session_paths(stack), description)
    labels = DraftAndResultLabels.make(stack) if labels is None else labels
    return SessionGroup(stack, predictor, chosen, labels, settings, folder)


def find_sessions(stack: Stack) -> tuple[Path, ...]:
    """Return the folders of earlier sessions of an image, the last one that was edited first.

    Sessions of an image of another shape at the same place are left out.
    """
    folders = [
        folder
        for path in session_paths(stack)
        for folder in path.parent.glob(f"{glob.escape(path.stem)}*{path.suffix}")
        if _is_numbered(folder, path) and _matches(folder, stack)
    ]
    return tuple(sorted(folders, key=last_edit, reverse=True))


def saved_axes(stacks: Iterable[Stack]) -> tuple[str, ...]:
    """Return the axes of the earlier sessions of an image, those that were edited last first.

    Parameters
    ----------
    stacks : iterable of Stack
        The image, along each of its axes.

    Returns
    -------
    tuple of str
        Lower-case letters; ``"t,z"`` for a session that followed objects along both.
    """
    found = {folder for stack in stacks for folder in find_sessions(stack)}
    ordered = sorted(found, key=last_edit, reverse=True)
    return tuple(dict.fromkeys(read_description(folder).axis_choice for folder in ordered))


def _is_numbered(folder: Path, path: Path) -> bool:
    number = folder.stem.removeprefix(path.stem)
    return not number or (number[0] == "-" and number[1:].isdecimal())


def _matches(folder: Path, stack: Stack) -> bool:
    try:
        read_description(folder).check_shape(stack)
    except (UserError, OSError):
        return False
    return True
