"""What becomes of objects: accepted, opened again, deleted, saved."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from napari_sam2._qt.jobs.queue import JobQueue
from napari_sam2.export.labels import free_path, save_labels
from napari_sam2.session.session import SegmentationSession

if TYPE_CHECKING:
    from napari_sam2._qt.jobs.controller import SegmentationController

    pass


class AcceptSaveJobs:
    """Does it after what goes on, in the thread that propagates.

    Parameters
    ----------
    engine : SegmentationController
        Whose objects.
    live, runner : Background
        Where clicks are answered, and where the rest runs in turn.
    ending : str
        Format of saved labels.

    Attributes
    ----------
    waiting : set of int
        Objects that the user has accepted, but whose turn has not come.
    cover : bool
        Whether an accepted object takes the pixels of those accepted before.
    """

    def __init__(
        self,
        engine: "SegmentationController",
        live: JobQueue,
        runner: JobQueue,
        ending: str = ".tif",
    ) -> None:
        self._engine = engine
        self._live = live
        self._runner = runner
        self._ending = ending
        self.waiting: set[int] = set()
        self.cover = False

    def accept(self) -> None:
        """Accept the object in work and go on with a new one."""
        sync = self._engine.sync
        if sync is None:
            return
        object_id = sync.current
        asked = any(object_id in session.prompts.objects() for _, session in sync.sessions)
        if not asked and object_id not in sync.sessions.masks.objects():
            self._engine.notice.emit("There is no mask to accept yet: click an object.")
            return
        self.waiting.add(object_id)
        self._runner.submit(
            ("accept", object_id),
            partial(self._accept, sync.session, object_id, self.cover),
            lambda _: self._accepted(object_id),
        )
        sync.start_object()

    def _accept(self, session: SegmentationSession, object_id: int, cover: bool) -> None:
        self.settle()
        session.accept(object_id, cover=cover)

    def settle(self) -> None:
        """Wait for what the last click or second look gives; in the thread that propagates."""
        deadline = monotonic() + 30
        while any(map(self._live.holds, ("ask", "sharpen"))) and monotonic() < deadline:
            sleep(0.01)

    def _accepted(self, object_id: int) -> None:
        self.waiting.discard(object_id)
        self._engine.unsaved = True
        self._engine.notice.emit(f"Object {object_id} is accepted. Click the next one, or save.")
        if self._engine.saved is not None:
            self.save(self._engine.saved)
        self._engine.changed.emit()

    def reopen(self, object_id: int) -> None:
        """Make an accepted object a draft again."""
        self._in_session("reopen", object_id, lambda session: session.reopen(object_id))

    def delete(self, object_id: int) -> None:
        """Delete an object with its prompts and masks."""
        if self._engine.sync is None:
            return
        sync = self._engine.sync
        sync.edits.forget(object_id)
        for _, session in sync.sessions:
            session.prompts.clear(object_id)
        sync.show_prompts()

        def done(_: Any) -> None:
            self._engine.unsaved = True
            if sync.current == object_id or sync.current not in sync.sessions.objects:
                sync.start_object()
            self._engine.changed.emit()

        sessions = [session for _, session in sync.sessions]

        def work() -> None:
            for session in sessions:
                session.delete_object(object_id)

        self._runner.submit(("delete", object_id), work, done)

    def _in_session(
        self, kind: str, object_id: int, work: Callable[[SegmentationSession], Any]
    ) -> None:
        if self._engine.sync is not None:
            session = self._engine.sync.session
            done = lambda _: self._engine.changed.emit()  # noqa: E731
            self._runner.submit((kind, object_id), lambda: work(session), done)

    def save(self, path: Path | None = None) -> None:
        """Write accepted labels; without a path, beside the image."""
        sync = self._engine.sync
        if sync is None:
            return
        sessions = sync.sessions
        where = path or self._engine.saved or free_path(sessions.stack, self._ending)
        note = "" if sessions.predictor.info.trained else "untrained"

        def done(count: int) -> None:
            self._engine.saved, self._engine.unsaved = where, False
            open_ones = len(sessions.masks.objects()) - count
            more = f" {open_ones} not accepted yet." if open_ones > 0 else ""
            self._engine.notice.emit(f"Saved {count} object{'s' * (count != 1)} to {where}.{more}")
            self._engine.changed.emit()

        work = partial(save_labels, where, sessions.stack, sessions.labels, sessions.masks, note)
        self._runner.submit("save", work, done)
