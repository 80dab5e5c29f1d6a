"""Runs of a session: propagation of objects, and refinement of their masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.inference.refinement import MaskRefiner, Refined, RefinementOutcome
from napari_sam2.session.actions.actions import MaskRefined, RunAdvanced
from napari_sam2.tracking.plan import Plan, PropagationRequest, make_plan
from napari_sam2.tracking.propagation import Propagation, SweptFrame, TrackedFrame

if TYPE_CHECKING:
    from napari_sam2.images.coordinates import FixedPosition
    from napari_sam2.images.plane_readers import Prefetcher
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.prompts.plane_prompts import RunPrompts
    from napari_sam2.prompts.resolver import PromptResolver
    from napari_sam2.session.editing import MaskEditor
    from napari_sam2.session.events import RunState
    from napari_sam2.session.history.edit_history import EditHistory
    from napari_sam2.session.history.edit_token import EditToken
    from napari_sam2.session.pipeline import InferencePipeline
    from napari_sam2.session.tracks.object_tracks import ObjectTracks
    from napari_sam2.tracking.resume_state import Journal


class SessionRuns:
    """Propagates and refines, one run at a time.

    Parameters
    ----------
    pipeline : InferencePipeline
        The model.
    resolver : PromptResolver
        Gives the prompts of a run.
    store : SegmentationStore
        The masks.
    editor : MaskEditor
        Stores results.
    tracks : ObjectTracks
        What was tracked of each object.
    refiner : MaskRefiner
        Refines masks.
    journal : Journal
        Stores checkpoints.
    state : RunState
        Progress and cancellation.
    model_lock : RLock
        Held during calls of the model.
    history : EditHistory
        Records each run as one step.
    checkpoint_every : int
        Number of frames between checkpoints.
    position : FixedPosition
        Position of the session.
    """

    def __init__(
        self,
        pipeline: InferencePipeline,
        resolver: PromptResolver,
        store: SegmentationStore,
        editor: MaskEditor,
        tracks: ObjectTracks,
        refiner: MaskRefiner,
        journal: Journal,
        state: RunState,
        model_lock: RLock,
        history: EditHistory,
        checkpoint_every: int,
        position: FixedPosition,
    ) -> None:
        self._pipeline = pipeline
        self._resolver = resolver
        self._masks = store
        self._editor = editor
        self._tracks = tracks
        self._refiner = refiner
        self._journal = journal
        self._state = state
        self._model_lock = model_lock
        self._history = history
        self._checkpoint_every = checkpoint_every
        self._position = position

    def plan(self, request: PropagationRequest, n_frames: int) -> Plan:
        """Return the sweeps of a propagation; UserError if nothing can be propagated."""
        self._editor.add_prompted_objects()
        frames = self._resolver.conditioning_frames()
        absent = {object_id: self._tracks.without_mask(object_id) for object_id in frames}
        return make_plan(request, frames, n_frames, absent)

    def correction_plan(self, object_id: int, request: PropagationRequest) -> Plan:
        """Return the sweeps that compute an object's correction; UserError if there is none."""
        self._editor.add_prompted_objects()
        correction = self._tracks.correction(object_id, request)
        if correction is None:
            if not self._resolver.conditioning_frames().get(object_id):
                raise UserError(f"Object {object_id} has no prompt. Click it on a frame first.")
            raise UserError(
                f"Object {object_id} is up to date: its prompts have not changed since it was "
                "propagated. Correct a frame first."
            )
        return correction.plan()

    def trim(self, objects: Iterable[int] | None, predict: Callable[[int, int], object]) -> None:
        """Predict the masks that are trimmed by points outside, as a run does not predict them."""
        chosen = self._resolver.conditioning_frames() if objects is None else objects
        for object_id in chosen:
            for frame in self._resolver.trims(object_id):
                predict(object_id, frame)

    def start(
        self, plan: Plan, context: str, token: EditToken, *, resume: bool
    ) -> Iterator[FrameResult]:
        """Run a plan and yield each result after it was stored.

        Parameters
        ----------
        plan : Plan
            The sweeps.
        context : str
            Together with the prompts, identifies the run, so that it can be resumed.
        token : EditToken
            The step of the history that the run belongs to.
        resume : bool
            Whether to continue from the last checkpoint of the same run.
        """
        with self._history.join(token):
            prompts = self._resolver.resolve_run(plan.conditioning)
            prompts.check()
            run = self._history.start_run(self._position, plan)
        self._state.reset()
        return self._run(run, plan, prompts, prompts.digest(context), token, resume=resume)

    def repeat(self, plan: Plan) -> Iterator[int]:
        """Run a plan of the log, and yield the number of frames done after each was stored."""
        prompts = self._resolver.resolve_run(plan.conditioning)
        self._state.reset()
        with self._pipeline.prefetcher() as prefetcher:
            frames = self._sweep(plan, prompts, prefetcher, "", resume=False)
            while (frame := self._next(frames)) is not None:
                self._store(frame, 0)
                yield frame.done

    def _sweep(
        self, plan: Plan, prompts: RunPrompts, prefetcher: Prefetcher, run_id: str, *, resume: bool
    ) -> Iterator[TrackedFrame]:
        make_runner = partial(self._pipeline.sweep_runner, prefetcher, prompts)
        exclusion = self._pipeline.exclusion(plan, self._masks)
        masks, every = self._masks, self._checkpoint_every
        propagation = Propagation(make_runner, masks, self._journal, every, run_id, exclusion)
        return propagation.run(plan, self._state.cancelled, resume=resume)

    def _run(
        self,
        run: int,
        plan: Plan,
        prompts: RunPrompts,
        run_id: str,
        token: EditToken,
        *,
        resume: bool,
    ) -> Iterator[FrameResult]:
        recorders = {r.object_id: r for r in self._tracks.start_run(plan.objects)}
        running, opened = self._state.running(plan.n_steps), self._history.keep_open(token)
        with running, opened, self._pipeline.prefetcher() as prefetcher:
            frames = self._sweep(plan, prompts, prefetcher, run_id, resume=resume)
            try:
                while (frame := self._next(frames)) is not None:
                    with self._history.join(token):
                        swept = self._store(frame, run)
                    for result in swept.results:
                        recorders[result.object_id].add(result)
                    self._state.advance(frame.done)
                    yield from (*swept.results, *swept.revised)
            finally:
                with self._history.join(token):
                    for recorder in recorders.values():
                        recorder.finish()

    def _next(self, frames: Iterator[TrackedFrame]) -> TrackedFrame | None:
        with self._model_lock:
            return next(frames, None)

    def _store(self, frame: TrackedFrame, run: int) -> SweptFrame:
        """Let the objects of a frame compete for pixels, and store and return the results.

        Edits of other threads come before all of this or after it, so that the action log has
        the order in which the masks changed.
        """
        with self._history.edit("Store masks"):
            swept = frame.exclude()
            advanced = RunAdvanced(self._position, run, frame.done)
            self._editor.store([*swept.results, *swept.revised], advanced)
        return swept

    def refine(
        self, objects: Iterable[int] | None, frames: Iterable[int] | None
    ) -> Iterator[Refined]:
        """Refine the masks of some objects and frames, or of all, and yield each outcome."""
        selection = self._refiner.select(objects, frames)
        rivals = tuple(sorted({object_id for _, object_id in selection}))
        self._state.reset()
        token = self._history.action("Refine masks")
        with self._state.running(len(selection)), self._history.keep_open(token):
            for done, refined in enumerate(self._refiner.refine_all(selection), 1):
                if refined.outcome is RefinementOutcome.REFINED:
                    with self._history.join(token):
                        self._store_refined(refined.result, rivals)
                self._state.advance(done)
                yield refined
                if self._state.cancelled():
                    return

    def refine_mask(
        self, object_id: int, frame: int, rivals: tuple[int, ...], *, replace: bool
    ) -> FrameResult:
        """Refine one mask and store it; see :meth:`MaskRefiner.refine`.

        Parameters
        ----------
        object_id, frame : int
            The mask.
        rivals : tuple of int
            Objects whose pixels it competes for.
        replace : bool
            Whether accepted masks are replaced too.
        """
        refined = self._refiner.refine(object_id, frame)
        self._store_refined(refined, rivals, replace=replace)
        return refined

    def _store_refined(
        self, refined: FrameResult, rivals: tuple[int, ...], *, replace: bool = False
    ) -> None:
        object_id, frame = refined.object_id, refined.frame
        action = MaskRefined(self._position, object_id, frame, rivals, replace)
        with self._history.edit("Store masks"):
            shared = self._pipeline.share_pixels(self._masks, refined, rivals)
            self._editor.store(shared, action, replace=replace)
