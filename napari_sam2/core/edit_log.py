"""Where the parts of a session record their edits, so that these can be undone and saved."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol


class EditLog(Protocol):
    """Records edits; any thread may call."""

    def edit(self, title: str) -> AbstractContextManager[None]:
        """Make the changes of a block together; those of other threads wait.

        Parameters
        ----------
        title : str
            Names the edit if it is not part of a larger one, e.g. ``"Accept object 3"``.
        """

    def record(self, key: Hashable, before: Any, after: Any) -> None:
        """Record a value that was replaced; call it inside :meth:`edit`.

        Parameters
        ----------
        key : Hashable
            What was changed, e.g. a :class:`napari_sam2.masks.store.MaskKey`.
        before, after : Any
            The immutable values before and after the change.
        """

    def after(self, work: Callable[[], object]) -> None:
        """Call a function when this thread's outermost edit has ended; at once outside of edits.

        Use it for work that takes time or waits for other threads.
        """


class NullEditLog:
    """A log that records nothing."""

    @contextmanager
    def edit(self, title: str) -> Iterator[None]:
        """Do nothing."""
        yield

    def record(self, key: Hashable, before: Any, after: Any) -> None:
        """Do nothing."""

    def after(self, work: Callable[[], object]) -> None:
        """Call the function."""
        work()
