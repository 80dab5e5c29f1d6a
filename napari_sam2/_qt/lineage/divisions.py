"""Divisions in the masks of the session: found, shown as flags, and accepted as steps."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from napari_sam2._qt.jobs.queue import JobKind
from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.analysis.run_summary import RunSummary
from napari_sam2.core.errors import UserError
from napari_sam2.session.session import SegmentationSession
from napari_sam2.tracking.division.division import Division
from napari_sam2.viewer.layer_sync import LayerSync

_MOST_MASKS = 20_000
"""Number of masks up to which divisions are looked for after each run."""
_Found = tuple[Division, ...]


class DivisionJobs:
    """Looks for divisions after runs along t, and accepts them.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    runs : RunJobs
        Does the work after the runs that wait.

    Attributes
    ----------
    found : tuple of Division
        The divisions that were found last and are not accepted.
    """

    def __init__(self, state: ControllerState, runs: RunJobs) -> None:
        self.found: _Found = ()
        self._state = state
        self._runs = runs
        self._sync: LayerSync | None = None
        state.session_changed.connect(self._session_changed)
        state.run_summarized.connect(self._run_ended)

    @property
    def possible(self) -> bool:
        """Whether the image is a time series along which objects can divide."""
        sync = self._state.sync
        return sync is not None and sync.grid.along == "t" and self._state.n_frames > 1

    def find(self) -> None:
        """Look for divisions, and report how many were found."""
        self._find(report=True)

    def _find(self, *, report: bool) -> None:
        sync = self._state.sync
        if sync is not None and self.possible:
            done = partial(self._show, sync, report=report)
            self._runs.submit(JobKind.FIND_DIVISIONS, sync.session.find_divisions, done)

    def _run_ended(self, summary: RunSummary) -> None:
        sync = self._state.sync
        if sync is not None and summary.objects and len(sync.sessions.masks.infos()) <= _MOST_MASKS:
            self._find(report=False)

    def _show(self, sync: LayerSync, found: _Found, *, report: bool) -> None:
        if self._state.sync is not sync:
            return
        self.found = found
        if report:
            count = len(found)
            some = f"{count} division{'s' * (count > 1)} found. Click one to see it."
            self._state.notice.emit(some if found else "No divisions were found.")
        self._state.changed.emit()

    def go_to(self, division: Division) -> None:
        """Show the first frame after a division, and select the parent."""
        sync = self._state.sync
        if sync is not None and division.parent in sync.sessions.objects:
            sync.dims.show_plane(sync.session.stack.index(division.frame))
            sync.prompt_layers.select(division.parent)

    def accept(self, divisions: Sequence[Division]) -> None:
        """Let objects divide as they were found, as one step."""
        sync, count = self._state.sync, len(divisions)
        if sync is None or not count:
            self._state.notice.emit(
                "No division has this score. Lower the score, or press Find divisions."
            )
            return
        session, history, under_way = sync.session, sync.sessions.history, ExitStack()
        one = f"Accept the division of object {divisions[0].parent}"
        action = history.action(one if count == 1 else f"Accept {count} divisions")
        under_way.enter_context(history.keep_open(action))

        def work() -> tuple[str, _Found]:
            with under_way, history.join(action):
                text = _accept(session, divisions)
            return text, session.find_divisions()

        self._runs.submit(JobKind.DIVIDE, work, partial(self._accepted, sync), action)

    def _accepted(self, sync: LayerSync, done: tuple[str, _Found]) -> None:
        text, found = done
        self._state.unsaved = True
        self._state.notice.emit(text)
        self._show(sync, found, report=False)

    def _session_changed(self) -> None:
        if self._state.sync is not self._sync:
            self._sync, self.found = self._state.sync, ()


def _accept(session: SegmentationSession, divisions: Sequence[Division]) -> str:
    """Accept divisions, and return the message for the user.

    Later divisions are accepted first: accepting one gives the track that continues the parent
    another id.
    """
    daughters, refused = 0, []
    for division in sorted(divisions, key=lambda d: (-d.frame, d.parent)):
        try:
            daughters += len(session.accept_division(division))
        except UserError as error:
            refused.append(str(error))
    count = len(divisions) - len(refused)
    done = f"{count} division{'s' * (count != 1)} accepted, with {daughters} daughters."
    return " ".join([done, *refused])
