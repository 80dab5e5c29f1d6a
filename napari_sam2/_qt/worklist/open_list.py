"""A worklist that is open: its rows, and what is recorded while its stacks are corrected."""

from __future__ import annotations

from pathlib import Path

from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.worklist.items import (
    ItemState,
    SavedOutput,
    Worklist,
    WorklistItem,
    WorklistRow,
)
from napari_sam2.session.worklist.saved_progress import (
    SavedSessions,
    SessionProgress,
    read_progress,
)
from napari_sam2.session.worklist.storage import open_worklist, save_worklist

_FINISHED = (ItemState.SAVED, ItemState.FAILED)


class OpenWorklist:
    """A worklist with the progress of the saved sessions, which is saved after each change.

    Parameters
    ----------
    path : Path
        A folder of stacks, the output folder of a batch, or its report.

    Raises
    ------
    UserError
        See :func:`open_worklist`.
    """

    def __init__(self, path: Path) -> None:
        self._list = open_worklist(path)
        self._progress: dict[str, SessionProgress | None] = {}
        self._rows: dict[str, WorklistRow] = {}
        self._sessions = self._find_sessions()
        for item in self._list.items:
            self.read_progress(item.name)

    @property
    def worklist(self) -> Worklist:
        """The stacks and what happened to them."""
        return self._list

    @property
    def left_out(self) -> dict[str, str]:
        """Why a file is no stack, or a session is not used, by its name."""
        return {**self._list.left_out, **self._sessions.problems}

    def _find_sessions(self) -> SavedSessions:
        local = (item.image for item in self._list.items if "://" not in item.image)
        return SavedSessions({Path(image).parent for image in local})

    def session(self, item: WorklistItem) -> Path | None:
        """Return the session of a stack that was edited last; None if it has none."""
        return next(iter(self._sessions.of(item.image)), None)

    def find_sessions(self) -> None:
        """Find the sessions that have been made since."""
        self._sessions = self._find_sessions()

    def read_progress(self, name: str) -> None:
        """Read how many objects the session of a stack has now; it must not be open here."""
        session = self.session(self._list.item(name))
        self._progress[name] = None if session is None else read_progress(session)
        self._update(name)

    def show_progress(self, name: str, sessions: SessionGroup) -> None:
        """Take the progress of a stack from its open sessions."""
        progress = SessionProgress.of(sessions)
        if progress != self._progress[name]:
            self._progress[name] = progress
            self._update(name)

    def _update(self, name: str) -> None:
        """Find out the state of a stack; this looks whether its files exist."""
        item, record = self._list.item(name), self._list.record(name)
        self._rows[name] = WorklistRow.of(item, record, self._progress[name])

    def rows(self) -> tuple[WorklistRow, ...]:
        """Return all stacks with their states."""
        return tuple(self._rows[item.name] for item in self._list.items)

    def row(self, name: str) -> WorklistRow:
        """Return one stack with its state; KeyError if there is none of this name."""
        return self._rows[name]

    def unfinished(self, name: str) -> bool:
        """Return whether a stack is neither saved nor failed."""
        return self._rows[name].state not in _FINISHED

    def after(self, name: str) -> str | None:
        """Return the next stack, from the first one again, that is neither saved nor failed."""
        rows = self.rows()
        start = self._list.position(name) + 1 if name else 0
        others = (*rows[start:], *rows[: max(start - 1, 0)])
        return next((row.item.name for row in others if row.state not in _FINISHED), None)

    def before(self, name: str) -> str | None:
        """Return the stack before one; None if it is the first."""
        number = self._list.position(name) if name else 0
        return self._list.items[number - 1].name if number else None

    def opened(self, name: str) -> None:
        """Record that a stack was opened."""
        self._save(self._list.opened(name), name)

    def failed(self, name: str, reason: str) -> None:
        """Record why a stack could not be opened."""
        self._save(self._list.failed(name, reason), name)

    def saved(self, name: str, path: Path, sessions: SessionGroup) -> None:
        """Record that the labels of a stack were saved."""
        self.show_progress(name, sessions)
        output = SavedOutput(path, SessionProgress.of(sessions).edits)
        self._save(self._list.saved(name, output), name)

    def _save(self, worklist: Worklist, name: str) -> None:
        self._list = worklist
        self._update(name)
        save_worklist(worklist)
