"""How many objects a saved session has, read without opening it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.storage.session_folder import (
    SessionFolder,
    last_edit,
    masks_file,
    read_description,
)
from napari_sam2.session.storage.session_location import SUFFIX, data_folder

_OBJECTS = "SELECT MIN(status) FROM masks WHERE area > 0 GROUP BY object_id"
_EDITS = "SELECT COUNT(*) FROM actions"


@dataclass(frozen=True)
class SessionProgress:
    """Objects and edits of a session.

    Parameters
    ----------
    objects : int
        Number of objects with masks.
    accepted : int
        Number of those whose masks are all accepted.
    edits : int
        Number of edits since the session began; undoing is an edit too.
    in_use : bool
        Whether another window or program has the session open, so that this is not known.
    problem : str
        Why this is not known; "" if it is.
    """

    objects: int = 0
    accepted: int = 0
    edits: int = 0
    in_use: bool = False
    problem: str = ""

    @classmethod
    def of(cls, sessions: SessionGroup) -> SessionProgress:
        """Return the progress of open sessions."""
        ids = sessions.masks.objects()
        found = [sessions.progress(object_id) for object_id in ids]
        visible = [progress for progress in found if progress.frames]
        edits = 0 if sessions.folder is None else len(sessions.folder.actions)
        return cls(len(visible), sum(progress.accepted for progress in visible), edits)

    @property
    def all_accepted(self) -> bool:
        """Whether there are objects and all are accepted."""
        return 0 < self.objects == self.accepted


def read_progress(session: Path) -> SessionProgress:
    """Return the progress of a saved session, which is neither changed nor locked.

    What a program that was killed has not completed is undone, as when the session is opened.

    Parameters
    ----------
    session : Path
        The folder of the session.
    """
    path = masks_file(session)
    if not path.exists():
        return SessionProgress()
    try:
        try:
            statuses, edits = _read(path, "ro")
        except sqlite3.OperationalError as error:
            if _is_busy(error):
                raise
            statuses, edits = _read(path, "rw")
    except sqlite3.Error as error:
        return _unknown(session, error)
    accepted = sum(status >= MaskStatus.ACCEPTED for status in statuses)
    return SessionProgress(len(statuses), accepted, edits)


def _read(path: Path, mode: str) -> tuple[list[int], int]:
    """Return the lowest status of the masks of each object, and the number of edits."""
    name = f"{path.absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(name, timeout=0.1, uri=True)) as connection:
        statuses = [status for (status,) in connection.execute(_OBJECTS)]
        ((edits,),) = connection.execute(_EDITS)
    return statuses, int(edits)


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _unknown(session: Path, error: sqlite3.Error) -> SessionProgress:
    if _is_busy(error):
        problem = f"{session.name} is in use. Close it in the other window or program first."
        return SessionProgress(in_use=True, problem=problem)
    return SessionProgress(problem=f"{session.name} cannot be read: {error}. Check its files.")


class SavedSessions:
    """The saved sessions of images, found by what the sessions state.

    Parameters
    ----------
    folders : iterable of Path
        Folders of images, whose sessions are saved beside them. Sessions in the user's data
        folder are found too.
    """

    def __init__(self, folders: set[Path]) -> None:
        self._by_source: dict[tuple[Path, str], list[Path]] = {}
        self.problems: dict[str, str] = {}
        for folder in sorted(folders):
            self._add(folder, moved=True)
        self._add(data_folder(), moved=False)

    def _add(self, folder: Path, *, moved: bool) -> None:
        """Add the sessions of a folder; those of moved images are found by the image's name."""
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if not SessionFolder.exists(path):
                continue
            try:
                source = Path(read_description(path).source)
            except UserError as error:
                self.problems[path.name] = str(error)
                continue
            parent = folder if moved else source.parent
            self._by_source.setdefault((parent, source.name), []).append(path)

    def of(self, image: str) -> tuple[Path, ...]:
        """Return the sessions of an image, the last one that was edited first."""
        path = Path(image)
        found = self._by_source.get((path.parent, path.name), [])
        return tuple(sorted(found, key=last_edit, reverse=True))
