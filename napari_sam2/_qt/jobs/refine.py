"""A second, closer look at masks that are there, off the GUI thread."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from napari_sam2._qt.jobs.queue import JobQueue
from napari_sam2.inference.refinement import Refined, RefinementOutcome, summarize_outcomes
from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.session import SegmentationSession

if TYPE_CHECKING:
    from napari_sam2._qt.jobs.controller import SegmentationController
    from napari_sam2.viewer.layer_sync import LayerSync

_KEPT = "Nothing to sharpen: what you drew, accepted or sharpened before stays as it is."


class RefinementJobs:
    """Sharpens the mask that is shown, or all masks of the object in work.

    Parameters
    ----------
    engine : SegmentationController
        Whose objects.
    live : JobQueue
        Where clicks are answered.

    Attributes
    ----------
    going : bool
        Whether it goes along a track now.
    """

    def __init__(self, engine: "SegmentationController", live: JobQueue) -> None:
        self._engine = engine
        self._live = live
        self.going = False

    def may_here(self) -> bool:
        """Whether there is a mask to sharpen on the frame that is shown, and time for it."""
        sync = self._at_rest()
        return sync is not None and sync.session.refinable(sync.current, sync.frame)

    def may_along(self) -> bool:
        """Whether the object in work has masks to sharpen, and there is time for it."""
        sync = self._at_rest()
        if sync is None or sync.accepted(sync.current):
            return False
        return sync.sessions.progress(sync.current).frames > 0

    def _at_rest(self) -> "LayerSync | None":
        """Return the layers of an open object while nothing else is done to it."""
        engine, sync = self._engine, self._engine.sync
        if sync is None or not sync.alive or sync.current in engine.keeping.waiting:
            return None
        return None if engine.running or self._live.holds("sharpen") else sync

    def here(self) -> None:
        """Look again at the mask of the object in work on the frame that is shown."""
        sync = self._engine.sync
        if sync is None:
            return
        if self._engine.running is not None:
            self._engine.notice.emit("Sharpen it when the run has ended, or stop that first.")
        elif sync.current in self._engine.keeping.waiting:
            self._engine.notice.emit(_KEPT)
        else:
            key = PromptKey(sync.fixed, sync.current, sync.frame)
            done = partial(self._looked, sync, key)
            self._engine.do(("sharpen", key), partial(_look, sync, key), done)
            self._engine.changed.emit()

    def _looked(
        self,
        sync: "LayerSync",
        key: PromptKey,
        looks: tuple[FrameResult | None, FrameResult] | None,
    ) -> None:
        if looks is not None:
            sync.edits.sharpened(key, *looks)
            self._engine.unsaved = True
        self._engine.notice.emit(
            _KEPT if looks is None else summarize_outcomes({RefinementOutcome.REFINED: 1})
        )
        self._engine.changed.emit()

    def along(self) -> None:
        """Look again at all masks of the object in work, frame by frame."""
        sync = self._engine.sync
        if sync is not None:
            outcomes: Counter[RefinementOutcome] = Counter()
            steps = partial(self._steps, sync.current, outcomes)
            self._engine.follow(sync, steps, partial(_words, outcomes))

    def _steps(
        self, object_id: int, outcomes: Counter[RefinementOutcome], session: SegmentationSession
    ) -> Iterator[Refined]:
        self._engine.keeping.settle()
        self.going = True
        try:
            for refined in session.refine_track([object_id]):
                outcomes[refined.outcome] += 1
                yield refined
        finally:
            self.going = False


def _look(sync: "LayerSync", key: PromptKey) -> tuple[FrameResult | None, FrameResult] | None:
    """Return the masks before and after, None where the first is the user's to keep."""
    fixed, object_id, frame = key
    session = sync.sessions[fixed]
    before = session.result(object_id, frame)
    if before is not None and before.area and not session.refinable(object_id, frame):
        return None
    return before, session.refine(object_id, frame)


def _words(outcomes: Counter[RefinementOutcome], stopped: bool) -> str:
    looked = outcomes.total() - outcomes[RefinementOutcome.SKIPPED]
    return summarize_outcomes(outcomes) if looked or stopped else _KEPT
