"""The stacks of a worklist, and the state of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from napari_sam2.session.worklist.saved_progress import SessionProgress


class ItemState(Enum):
    """How far the work on a stack is."""

    NOT_OPENED = "not opened"
    OPENED = "opened"
    ACCEPTED = "accepted"
    """All objects are accepted."""
    SAVED = "saved"
    """All objects are accepted, and their labels are in a file that is up to date."""
    FAILED = "failed"
    """The stack cannot be opened."""


@dataclass(frozen=True, kw_only=True)
class WorklistItem:
    """One stack of a worklist.

    Parameters
    ----------
    name : str
        Name of the stack, unique in the list.
    image : str
        Absolute path, or URL.
    prompts : Path or None
        Prompts for a session that has none yet.
    labels : Path or None
        Labels for a session that has no object yet, e.g. those that a batch computed.
    note : str
        What to know before it is opened; "" for nothing.
    """

    name: str
    image: str
    prompts: Path | None = None
    labels: Path | None = None
    note: str = ""

    @property
    def missing(self) -> bool:
        """Whether the image is a path at which there is nothing."""
        return "://" not in self.image and not Path(self.image).exists()


@dataclass(frozen=True)
class SavedOutput:
    """Labels that were saved from a session.

    Parameters
    ----------
    path : Path
        The file or folder.
    edits : int
        Number of edits of the session when it was saved, see :class:`SessionProgress`.
    """

    path: Path
    edits: int


@dataclass(frozen=True, kw_only=True)
class ItemRecord:
    """What happened to a stack, as far as its session does not tell.

    Parameters
    ----------
    opened : bool
        Whether it was opened.
    failure : str
        Why it could not be opened the last time; "" if it could.
    saved : SavedOutput or None
        Its labels.
    """

    opened: bool = False
    failure: str = ""
    saved: SavedOutput | None = None


@dataclass(frozen=True)
class WorklistRow:
    """A stack with its state.

    Parameters
    ----------
    item : WorklistItem
        The stack.
    state : ItemState
        Its state.
    progress : SessionProgress
        What its session holds.
    reason : str
        Why it failed, or what else to know; "" for nothing.
    """

    item: WorklistItem
    state: ItemState
    progress: SessionProgress
    reason: str = ""

    @classmethod
    def of(
        cls, item: WorklistItem, record: ItemRecord, progress: SessionProgress | None
    ) -> WorklistRow:
        """Return the row of a stack.

        Parameters
        ----------
        item, record
            The stack, and what happened to it.
        progress : SessionProgress or None
            What its session holds; None if it has no session.
        """
        found = progress or SessionProgress()
        if item.missing:
            reason = f"There is no image {item.image}. Put it there, or remove it from the list."
            return cls(item, ItemState.FAILED, found, reason)
        if record.failure:
            return cls(item, ItemState.FAILED, found, record.failure)
        return cls(item, _state(record, progress), found, found.problem or item.note)


def _state(record: ItemRecord, progress: SessionProgress | None) -> ItemState:
    if progress is None:
        return ItemState.OPENED if record.opened else ItemState.NOT_OPENED
    if not progress.all_accepted:
        return ItemState.OPENED
    saved = record.saved
    up_to_date = saved is not None and saved.edits == progress.edits and saved.path.exists()
    return ItemState.SAVED if up_to_date else ItemState.ACCEPTED


@dataclass(frozen=True, kw_only=True)
class Worklist:
    """Stacks to correct one after the other.

    Parameters
    ----------
    folder : Path
        The folder of the stacks or of the output of a batch, where the list is saved.
    items : tuple of WorklistItem
        The stacks, in order.
    records : mapping
        What happened to each, by name.
    current : str
        Name of the stack that was opened last; "" for none.
    left_out : mapping
        Why a file or folder is no stack of the list, by its name.
    """

    folder: Path
    items: tuple[WorklistItem, ...]
    records: Mapping[str, ItemRecord] = field(default_factory=dict)
    current: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)

    def item(self, name: str) -> WorklistItem:
        """Return a stack; KeyError if there is none of this name."""
        return self.items[self.position(name)]

    def position(self, name: str) -> int:
        """Return the place of a stack in the list; KeyError if there is none of this name."""
        for number, item in enumerate(self.items):
            if item.name == name:
                return number
        raise KeyError(name)

    def record(self, name: str) -> ItemRecord:
        """Return what happened to a stack."""
        return self.records.get(name, ItemRecord())

    def with_record(self, name: str, record: ItemRecord) -> Worklist:
        """Return the list with another record of a stack."""
        return replace(self, records={**self.records, name: record})

    def opened(self, name: str) -> Worklist:
        """Return the list after a stack was opened."""
        record = replace(self.record(name), opened=True, failure="")
        return replace(self.with_record(name, record), current=name)

    def failed(self, name: str, reason: str) -> Worklist:
        """Return the list after a stack could not be opened."""
        return self.with_record(name, replace(self.record(name), failure=reason))

    def saved(self, name: str, output: SavedOutput) -> Worklist:
        """Return the list after the labels of a stack were saved."""
        return self.with_record(name, replace(self.record(name), saved=output))
