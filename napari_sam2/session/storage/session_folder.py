"""The folder of a session: everything that is needed to continue it later."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from psygnal import Signal, SignalInstance

from napari_sam2 import __version__
from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import FileInUseError, UserError
from napari_sam2.core.json_reader import JsonNode, parse_json
from napari_sam2.masks.database import Database, MaskTable
from napari_sam2.masks.sqlite_store import SqliteMaskStore
from napari_sam2.session.actions.action_table import SqliteActionLog
from napari_sam2.session.storage.journal import SqliteJournal
from napari_sam2.session.storage.session_description import SessionDescription
from napari_sam2.session.storage.step_tables import SqliteStepStorage
from napari_sam2.session.tracks.reviewed_frames import ReviewedFrames

VERSION = 1
_SESSION, _MASKS = "session.json", "masks.sqlite"


class SessionFolder:
    """The description, prompts, masks, objects and history of a session; schema version 1.

    Use :meth:`new` or :meth:`open`. Every change is written in a transaction, so that a process
    that is killed loses at most the change that it makes.

    Parameters
    ----------
    paths : sequence of Path
        Where the folder is made with the first edit: the first path that can be written.
    description : SessionDescription
        The image, the model and the settings.
    database : Database
        The masks and the history, in memory until the folder is made.
    versions : sequence of str
        Versions of napari-sam2 that have written the session.

    Attributes
    ----------
    masks, drafts : SqliteMaskStore
        The masks, and drafts of a forward sweep.
    journal : SqliteJournal
        Complete planes, and the state of an interrupted run.
    steps : SqliteStepStorage
        The history, and the values of prompts and objects.
    actions : SqliteActionLog
        All actions since the first edit.
    reviewed : ReviewedFrames
        The masks that the user has looked at.
    created : psygnal.Signal
        Emitted with a message when the folder is made.
    """

    created = Signal(str)

    def __init__(
        self,
        paths: Sequence[Path],
        description: SessionDescription,
        database: Database,
        versions: Sequence[str] = (__version__,),
    ) -> None:
        self._paths = tuple(paths)
        self._description = description
        self._versions = list(versions)
        self._database = database
        self.masks = SqliteMaskStore(database)
        self.drafts = SqliteMaskStore(database, MaskTable.DRAFTS)
        self.journal = SqliteJournal(database)
        self.steps = SqliteStepStorage(database, self._create)
        self.actions = SqliteActionLog(database)
        self.reviewed = ReviewedFrames(database)
        self._not_written = False

    @staticmethod
    def exists(path: Path) -> bool:
        """Return whether a folder holds a session."""
        return (path / _SESSION).is_file()

    @classmethod
    def new(cls, paths: Sequence[Path], description: SessionDescription) -> Self:
        """Return a session folder that is made with the first edit.

        Parameters
        ----------
        paths : sequence of Path
            Where; a number is added to a name that is taken.
        description : SessionDescription
            The image, the model and the settings.
        """
        return cls(paths, description, Database(None))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder of an earlier session.

        Raises
        ------
        UserError
            If there is no session, or it is in use, damaged or of a newer version.
        """
        parts = _read(path)
        description = SessionDescription.from_json(parts)
        versions = [node.text() for node in parts["versions"].items()]
        try:
            database = Database(path / _MASKS)
        except FileInUseError as error:
            raise FileInUseError(
                f"{path} is in use by another window or program. Close it there first."
            ) from error
        return cls((), description, database, versions)

    @property
    def path(self) -> Path | None:
        """The folder, None before it is made."""
        found = self._database.path
        return None if found is None else found.parent

    @property
    def failed(self) -> bool:
        """Whether edits are only in memory, as they could not be saved."""
        return self._not_written or self._database.outdated_file

    @property
    def not_saved(self) -> SignalInstance:
        """Emitted with an OSError when an edit could not be saved, in the thread of the edit.

        The session continues in memory, until :meth:`save` or :meth:`create_in` saves it. Without
        a listener the error is raised where the folder was already made.
        """
        return self._database.left_file

    @property
    def description(self) -> SessionDescription:
        """The image, the model and the settings."""
        return self._description

    def describe(self, description: SessionDescription) -> None:
        """Change the description, e.g. after a change of the model."""
        self._description = description
        if self.path is None or self.failed:
            return
        try:
            self._write(self.path)
        except OSError as error:
            if not len(self.not_saved):
                raise
            self._not_written = True
            self.not_saved.emit(error)

    def close(self) -> None:
        """Close the database; another process can open it then."""
        self._database.close()

    def save(self) -> Path:
        """Save a session that could not be saved, in its folder or the first that can be made.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OSError
            If it cannot be written; the session stays in memory.
        """
        path = self.path
        if path is None:
            path = self._make_first()
        else:
            self._database.return_to_file()
            self._write(path)
        self._not_written = False
        return path

    def create_in(self, parent: Path) -> Path:
        """Save a session that could not be saved in a new folder, and return its path.

        An earlier folder keeps what was saved there before.

        Raises
        ------
        OSError
            If it cannot be written; the session stays in memory.
        """
        name = (self.path or self._paths[0]).name
        path = free_folder(parent / name)
        self._make(path)
        self._not_written = False
        return path

    def _create(self) -> None:
        if self.path is not None:
            return
        try:
            path = self._make_first()
        except OSError as error:
            self._not_written = True
            self.not_saved.emit(error)
        else:
            self.created.emit(f"The session is saved in {path}.")

    def _make_first(self) -> Path:
        """Make the folder at the first path that can be written."""
        errors = []
        for path in map(free_folder, self._paths):
            try:
                self._make(path)
            except OSError as error:
                errors.append(error)
            else:
                return path
        texts = "; ".join(
            f"{path.parent}: {error.strerror or error}"
            for path, error in zip(self._paths, errors, strict=True)
        )
        raise OSError(errors[-1].errno, texts)

    def _make(self, path: Path) -> None:
        try:
            path.mkdir(parents=True)
            # The masks follow: a folder without this file would not count as a session.
            self._write(path)
            self._database.move_to(path / _MASKS)
        except OSError:
            shutil.rmtree(path, ignore_errors=True)
            raise

    def _write(self, path: Path) -> None:
        if self._versions[-1] != __version__:
            self._versions.append(__version__)
        document: dict[str, Any] = {
            "version": VERSION,
            "versions": self._versions,
            **self._description.to_json(),
        }
        write_text(path / _SESSION, json.dumps(document, indent=1))


def free_folder(path: Path) -> Path:
    """Return the path, with a number if something else is there."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def masks_file(path: Path) -> Path:
    """Return the database of a session, which need not exist."""
    return path / _MASKS


def last_edit(path: Path) -> float:
    """Return when a session was last edited, in seconds since the epoch; 0 without masks."""
    masks = masks_file(path)
    return masks.stat().st_mtime if masks.exists() else 0.0


def read_description(path: Path) -> SessionDescription:
    """Return the description of a session, without opening its database.

    Raises
    ------
    UserError
        If there is no session, or it is damaged or of a newer version.
    """
    return SessionDescription.from_json(_read(path))


def _read(path: Path) -> dict[str, JsonNode]:
    if not SessionFolder.exists(path):
        raise UserError(f"There is no session in {path}. Choose the folder of an earlier session.")
    node = parse_json(read_text(path / _SESSION), f"{path.name}/{_SESSION}")
    version = node.value.get("version") if isinstance(node.value, dict) else None
    if version != VERSION:
        raise UserError(
            f"{path} has schema version {version}; this napari-sam2 reads version {VERSION}. "
            "Update napari-sam2."
        )
    fields = ("version", "versions", "image", "intensity", "settings", "model", "input")
    return node.fields(fields)
