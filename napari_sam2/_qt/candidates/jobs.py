"""The search for candidates, as a run that is stopped like any other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.candidates.by_example import ExampleRanking
from napari_sam2.candidates.candidate import Candidate, CandidateLimits, CandidateSource
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.session.session import SegmentationSession
from napari_sam2.viewer.candidates.review import CandidateReview, search_limits
from napari_sam2.viewer.layer_sync import LayerSync

_STOPPED = "The search was stopped; nothing has changed."


@dataclass
class _Search:
    """One search: what for, on which plane, and what it has found."""

    sync: LayerSync
    fixed: FixedPosition
    frame: int
    target: SearchTarget
    limits: CandidateLimits
    text_model: str
    found: dict[int, Candidate] = field(default_factory=dict)
    ranking: ExampleRanking | None = None


class CandidateJobs:
    """Searches for candidates on the shown frame, and has those of the last search.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    runs : RunJobs
        Runs the search.

    Attributes
    ----------
    review : CandidateReview or None
        The candidates of the last search that found any.
    """

    def __init__(self, state: ControllerState, runs: RunJobs) -> None:
        self.review: CandidateReview | None = None
        self._state = state
        self._runs = runs
        self._sync: LayerSync | None = None
        state.session_changed.connect(self._session_changed)

    def find(self, target: SearchTarget, limits: CandidateLimits, text_model: str) -> None:
        """Search the shown frame; candidates of an earlier search stay if nothing is found.

        Parameters
        ----------
        target : SearchTarget
            What is searched for.
        limits : CandidateLimits
            Which candidates are shown at first.
        text_model : str
            What finds boxes by text.
        """
        sync = self._state.sync
        if sync is None:
            return
        place = sync.dims.fixed, sync.dims.frame
        search = _Search(sync, *place, target, limits, text_model)
        self._runs.start(
            sync,
            partial(self._steps, search),
            partial(self._finish, search),
            title=f"Find objects on frame {search.frame}",
            stopped_text=_STOPPED,
        )

    def _steps(self, search: _Search, session: SegmentationSession) -> Iterable[object]:
        self._state.searching = True
        try:
            self._search(search, session)
        finally:
            self._state.searching = False
        return ()

    def _search(self, search: _Search, session: SegmentationSession) -> None:
        frame, target, limits = search.frame, search.target, search_limits(search.limits)
        if target.source is not CandidateSource.EXAMPLE:
            found = session.search.find(frame, target, limits, text_model=search.text_model)
            search.found = dict(enumerate(found))
            return
        search.ranking = session.search.rank(frame, target, limits)
        if search.ranking is not None:
            occupied = session.search.occupied(frame).values()
            search.found = search.ranking.select(limits, occupied)

    def _finish(self, search: _Search, stopped: bool) -> str:
        """Show what was found, and return the message for the user."""
        if stopped or self._state.sync is not search.sync:
            return ""
        if not search.found:
            return _nothing_text(search, kept=self.review is not None)
        if self.review is not None:
            self.review.end()
        self.review = CandidateReview(
            search.sync, search.fixed, search.frame, search.found, search.limits, search.ranking
        )
        self._sync = search.sync
        self.review.show()
        self.review.activate()
        return _found_text(self.review)

    def limit(self, limits: CandidateLimits) -> None:
        """Show the candidates within other limits."""
        if self.review is not None:
            self.review.limit(limits)
            self._state.changed.emit()

    def accept_all(self) -> None:
        """Make an object of each candidate that is shown and not rejected, as one step."""
        if self.review is not None:
            self.review.accept_all()

    def clear(self) -> None:
        """Remove the candidates; objects made of them stay."""
        if self.review is not None:
            self.review.close()
            self.review = None
            self._state.changed.emit()

    def _session_changed(self) -> None:
        if self._state.sync is not self._sync:
            self.clear()


def _found_text(review: CandidateReview) -> str:
    shown, found, where = len(review.open), len(review.found), f"on frame {review.frame}"
    if not shown:
        return (
            f"{found} candidate{'s' * (found > 1)} {where}, none of them within the limits of "
            "score and area. Lower the score, or allow other areas."
        )
    return f"{shown} candidate{'s' * (shown > 1)} {where}."


def _nothing_text(search: _Search, *, kept: bool) -> str:
    where = f"on frame {search.frame}"
    if search.target.source is CandidateSource.TEXT:
        phrases = " or ".join(f'"{phrase}"' for phrase in search.target.phrases)
        nothing = f"Nothing new {where} fits {phrases}. Try other words"
    elif search.target.source is CandidateSource.EXAMPLE:
        ids = search.target.like
        examples = f"object{'s' * (len(ids) > 1)} {', '.join(map(str, ids))}"
        nothing = f"Nothing new {where} looks like {examples}. Select other examples"
    else:
        nothing = f"Nothing new was found {where}. Allow other areas"
    earlier = " The earlier candidates are kept." if kept else ""
    return f"{nothing}, or search another frame.{earlier}"
