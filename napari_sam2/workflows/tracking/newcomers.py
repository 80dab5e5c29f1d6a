"""Newcomers: objects that are found while a run advances, and tracked both ways from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import median
from threading import Event
from typing import TYPE_CHECKING

from napari_sam2.tracking.plan import GrowingRun, PropagationDirection, PropagationRequest
from napari_sam2.workflows.prompt_source import most_objects, search_frames
from napari_sam2.workflows.reporter import NestedReporter
from napari_sam2.workflows.search.find import add_candidates

if TYPE_CHECKING:
    from napari_sam2.candidates.candidate import Candidate, CandidateLimits
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.session.storage.run_folder import RunFolder
    from napari_sam2.workflows.preparation import PreparedSegmentation
    from napari_sam2.workflows.reporter import Reporter

MIN_AREA_SHARE, MAX_AREA_SHARE = 0.1, 4.0
"""Smallest and largest area of a newcomer unless they are given, as shares of the median area of
the objects on its frame. Smaller candidates are pixels that masks of tracked objects leave over:
in a drawn movie of 23 cells all 9 of them were wrong. Larger ones are background between objects:
in a drawn movie of 300 nuclei all 12 of them were wrong."""
_RUN = "newcomers"


@dataclass(frozen=True)
class NewcomerRun:
    """A run that searches every few frames for objects that no track explains.

    Objects are tracked forward up to a frame that is searched. The candidates there that no mask
    explains, see :func:`napari_sam2.candidates.selection.select_disjoint`, and whose size is like
    that of the objects there are added and tracked forward with the others. After the last frame
    all of them are tracked backward until they are lost or meet another object. So each frame is
    computed once in each direction, and those that are searched once more. What is found
    is saved with the run, which can be resumed at any time.

    Parameters
    ----------
    prepared : PreparedSegmentation
        The checked job.
    session : SegmentationSession
        The session of the run.
    folder : RunFolder
        Where prompts and searched frames are saved.
    reporter : Reporter
        Receives messages and the progress of searches.
    stopped : Event
        Set when the run is canceled; the search in work is finished.
    """

    prepared: PreparedSegmentation
    session: SegmentationSession
    folder: RunFolder
    reporter: Reporter
    stopped: Event

    def propagate(self) -> bool:
        """Track all objects, and return whether the run was completed."""
        resume = self.prepared.resumes
        searched = self.folder.last_search() or self._frames[0]
        self._drop_unsearched(searched)
        self._report_limits()
        for frame in search_frames(self.prepared.job, self._frames):
            if frame <= searched:
                continue
            if not self._room:
                self._report_full(frame)
                break
            if not self._advance(frame, resume=resume):
                return False
            resume = True
            self._add_newcomers(frame)
            if self.stopped.is_set():
                return False
        request = replace(self.prepared.request, growing=GrowingRun(_RUN, last=True))
        return self._run(request, resume=resume)

    @property
    def _frames(self) -> tuple[int, int]:
        return self.prepared.request.frames or (0, self.prepared.stack.n_frames)

    @property
    def _room(self) -> int:
        """Number of objects that may still be added."""
        return max(most_objects(self.prepared.job) - len(self.session.prompts.objects()), 0)

    def _advance(self, frame: int, *, resume: bool) -> bool:
        """Track the objects so far up to a frame; return False if the run was canceled."""
        request = replace(
            self.prepared.request,
            direction=PropagationDirection.FORWARD,
            frames=(self._frames[0], frame + 1),
            growing=GrowingRun(_RUN, last=False),
        )
        return self._run(request, resume=resume)

    def _run(self, request: PropagationRequest, *, resume: bool) -> bool:
        for _ in self.session.propagate(request, resume=resume):
            pass
        return not self.session.run.cancelled

    def _drop_unsearched(self, searched: int) -> None:
        """Drop what was found in a search that was not saved completely; it is repeated."""
        prompts = self.session.prompts
        for frame in prompts.frames():
            if frame > searched:
                for object_id in prompts.objects():
                    prompts.clear(object_id, frame)

    def _add_newcomers(self, frame: int) -> None:
        """Search a frame, and save what no object explains as new objects."""
        found = self._search(frame)
        room = self._room
        ids = add_candidates(self.session.prompts, frame, found[:room])
        self.folder.save_prompts(self.session.prompts, self.session.stack.shape)
        self.folder.save_search(frame)
        if ids:
            count = "1 newcomer" if len(ids) == 1 else f"{len(ids)} newcomers"
            self.reporter.message(f"{count} found on frame {frame}: object {_span(ids)}.")
        if len(found) > room:
            self.reporter.message(
                f"{len(found) - room} more candidates on frame {frame} were left out, because the "
                f"run has {most_objects(self.prepared.job)} objects. Give a larger --max-objects."
            )

    def _search(self, frame: int) -> list[Candidate]:
        index = self.prepared.stack.index(frame)
        present = [r for r in self.session.masks.at(index) if r.area and r.excluded is None]
        return self.prepared.search.find(
            frame,
            NestedReporter(self.reporter),
            limits=self._limits([record.area for record in present]),
            occupied=[record.own_crop for record in present],
        )

    def _limits(self, areas: Sequence[int]) -> CandidateLimits:
        """Return the limits of newcomers beside objects of some areas."""
        given = replace(self.prepared.job.limits, max_objects=None)
        if not areas:
            return given
        usual = median(areas)
        least = given.min_area or min(MIN_AREA_SHARE * usual, given.max_area)
        most = given.max_area if isfinite(given.max_area) else max(MAX_AREA_SHARE * usual, least)
        return replace(given, min_area=least, max_area=most)

    def _report_limits(self) -> None:
        given = self.prepared.job.limits
        options = {"--min-size": given.min_area > 0, "--max-size": isfinite(given.max_area)}
        missing = [name for name, chosen in options.items() if not chosen]
        if missing:
            self.reporter.message(
                f"Newcomers have {MIN_AREA_SHARE:g} to {MAX_AREA_SHARE:g} times the median area "
                f"of the objects on their frame, where {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not given."
            )

    def _report_full(self, frame: int) -> None:
        self.reporter.message(
            f"Frames from {frame} on were not searched for newcomers, because the run has "
            f"{most_objects(self.prepared.job)} objects. Give a larger --max-objects."
        )


def _span(ids: tuple[int, ...]) -> str:
    return str(ids[0]) if len(ids) == 1 else f"{ids[0]} to {ids[-1]}"
