"""The segmentation session used by the viewer, the command line and scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.inference.preview import Preview
from napari_sam2.inference.refinement import MaskRefiner, Refined, RefinementOutcome
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import FrameResult, MaskStatus
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.prompts.plane_prompts import RunPrompts
from napari_sam2.prompts.resolver import PromptResolver
from napari_sam2.session.editing import MaskEditor
from napari_sam2.session.events import RunState, RunStatus, SessionEvents
from napari_sam2.session.objects import ObjectList
from napari_sam2.session.pipeline import InferencePipeline
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import Plan, PropagationRequest, make_plan
from napari_sam2.tracking.propagation import Propagation, SweptFrame
from napari_sam2.tracking.resume_state import Journal, NullJournal

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.plane_readers import PlaneReader
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.store import MaskStore
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.prompts.types import PointPrompt


class SegmentationSession:
    """One stack, one model, the user's prompts, and the masks predicted from them.

    One thread may propagate while others preview and edit; calls of the model alternate.

    Parameters
    ----------
    stack : Stack
        The stack to segment.
    predictor : Predictor
        The model.
    intensity : Intensity
        Converts raw values to the image that the model is shown; the same for all frames.
    prompts : PromptStore
        The user's prompts; add to it at any time.
    masks : MaskStore
        Stores masks, in memory or on disk.
    labels : LabelArray or None
        The label image, updated with the masks.
    settings : SessionSettings or None
        Settings that change results or resources.
    journal : Journal or None
        Records what is complete and the state that an interrupted propagation resumes from.
    drafts : MaskStore or None
        Stores drafts of the forward sweep; on disk if the run is to be resumable.
    reader : PlaneReader or None
        Reads planes in place of the stack, e.g. a ``MissingValueMonitor``.
    objects : ObjectList or None
        Objects shared with other sessions.

    Attributes
    ----------
    events : SessionEvents
        Signals.
    objects : ObjectList
        The objects.
    scores : ScoreTable
        Scores of all masks.
    """

    def __init__(
        self,
        stack: Stack,
        predictor: Predictor,
        *,
        intensity: Intensity,
        prompts: PromptStore,
        masks: MaskStore,
        labels: LabelArray | None = None,
        settings: SessionSettings | None = None,
        journal: Journal | None = None,
        drafts: MaskStore | None = None,
        reader: PlaneReader | None = None,
        objects: ObjectList | None = None,
    ) -> None:
        self.stack, self.predictor = stack, predictor
        self.prompts, self.masks, self.labels = prompts, masks, labels
        self.settings = settings or SessionSettings()
        self.events = SessionEvents()
        self._run = RunState(self.events)
        self._journal: Journal = journal or NullJournal()
        self._store = SegmentationStore(stack, masks, labels, drafts)
        self._resolver = PromptResolver(prompts, self._store)
        listed = ObjectList() if objects is None else objects
        self._editor = MaskEditor(self._store, prompts, self.events, self._journal, listed)
        self.objects, self.scores = listed, self._editor.scores
        self._pipeline = InferencePipeline(
            stack, predictor, intensity, self.settings, self._resolver.resolve, reader or stack
        )
        self._refiner = MaskRefiner(self._store, prompts, self._predict_closer)
        self._notes = [*stack.notes, *prompts.notes, *intensity.notes]
        self._model_lock = RLock()
        prompts.changed.connect(self._resolver.prompts_changed)

    @property
    def intensity(self) -> Intensity:
        """Converts raw values to the image that the model is shown; setting it drops embeddings."""
        return self._pipeline.intensity

    @intensity.setter
    def intensity(self, intensity: Intensity) -> None:
        with self._model_lock:
            self._pipeline.intensity = intensity

    @property
    def run(self) -> RunStatus:
        """Progress of the last propagation or refinement."""
        return self._run.status

    @property
    def encodings(self) -> int:
        """Number of views encoded so far."""
        return self._pipeline.encoder.cache.encodings

    @property
    def encoder(self) -> ViewEncoder:
        """Encodes views of the stack; ``encoder.image`` is what the model is shown."""
        return self._pipeline.encoder

    @property
    def placement(self) -> ViewPlacement:
        """Sizes and positions of views on this stack."""
        return self._pipeline.placement

    def add_object(self, name: str = "") -> int:
        """Add an object and return its id."""
        return self._editor.add_object(name)

    def rename(self, object_id: int, name: str) -> None:
        """Set the name of an object."""
        self._editor.rename(object_id, name)

    def hide(self, object_id: int, hidden: bool = True) -> None:
        """Hide an object in viewers, or show it."""
        self._editor.hide(object_id, hidden)

    def accept(
        self, object_id: int, frames: Iterable[int] | None = None, *, cover: bool = False
    ) -> int:
        """Accept an object's masks, so that propagation and other objects do not change them.

        The number of masks that were not accepted before is returned.

        Parameters
        ----------
        object_id : int
            The label value.
        frames : iterable of int or None
            Frames; None for all.
        cover : bool
            Whether to take pixels from masks that were accepted before where they overlap. By
            default those keep their pixels. Locked masks always keep them.
        """
        return self._editor.set_status(object_id, frames, MaskStatus.ACCEPTED, cover=cover)

    def lock(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Lock an object's masks: nothing replaces them, and propagation starts from them."""
        return self._editor.set_status(object_id, frames, MaskStatus.LOCKED)

    def reopen(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Undo :meth:`accept` and :meth:`lock`; return the number of masks that changed."""
        return self._editor.set_status(object_id, frames, MaskStatus.FINAL)

    def clear(self, object_id: int, frames: Iterable[int] | None = None) -> None:
        """Delete an object's masks on some frames, or on all; its prompts stay."""
        self._editor.clear(object_id, frames)

    def delete_object(self, object_id: int) -> None:
        """Delete an object with its prompts and masks; masks below it become visible."""
        self._resolver.forget(object_id)
        self._editor.remove(object_id)

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the stored mask of an object on a frame, or None."""
        return self._store.result(object_id, frame)

    def restore(self, result: FrameResult) -> None:
        """Store a mask again, e.g. to undo an edit; it replaces accepted and locked masks too."""
        self._editor.store([result], replace=True)

    def warm(self, frame: int) -> None:
        """Encode a frame before the first click on it."""
        self._emit_notes()
        with self._model_lock:
            self._pipeline.click_predictor.warm(frame)

    def preview(self, object_id: int, frame: int, *, trial: PointPrompt | None = None) -> Preview:
        """Predict and store the mask for an object's prompts; return it with its alternatives.

        Parameters
        ----------
        object_id : int
            The label value.
        frame : int
            Position along the propagated axis.
        trial : PointPrompt or None
            Predict with this additional click and store nothing, as for a hover preview.

        Raises
        ------
        UserError
            If the object has no prompt on the frame.
        """
        self._emit_notes()
        prompts = None if trial is None else self._resolver.resolve_with_click(trial)
        with self._model_lock:
            preview = self._pipeline.click_predictor.predict(object_id, frame, prompts)
        if trial is None:
            self._editor.store([preview.result], replace=True)
        return preview

    def choose(self, preview: Preview, number: int) -> Preview:
        """Choose and store another candidate of a preview; propagation then starts from it.

        Numbers past the last candidate start over from the first.
        """
        chosen = preview.choose(number)
        self._resolver.choose(chosen.result, chosen.chosen)
        self._editor.store([chosen.result], replace=True)
        return chosen

    def refine(self, object_id: int, frame: int) -> FrameResult:
        """Predict a mask again in the view that suits its size best, and store it.

        Raises
        ------
        UserError
            If there is no mask, the earlier view was as close, or the new mask differs too much.
        """
        refined = self._refiner.refine(object_id, frame)
        self._editor.store(self._pipeline.share_pixels(self._store, refined), replace=True)
        return refined

    def refinable(self, object_id: int, frame: int) -> bool:
        """Return whether :meth:`refine_track` would try to refine a mask; no model is run."""
        return self._refiner.refinable(object_id, frame)

    def refine_track(
        self, objects: Iterable[int] | None = None, frames: Iterable[int] | None = None
    ) -> Iterator[Refined]:
        """Refine the masks of some objects and frames, or of all, and yield each with the outcome.

        Masks that the user drew or accepted are skipped, and a refined mask that differs too much
        from the present one is rejected; see :class:`RefinementOutcome`.
        """
        selection = self._refiner.select(objects, frames)
        share = partial(self._pipeline.share_pixels, self._store, rivals={o for _, o in selection})
        self._run.reset()
        with self._run.running(len(selection)):
            for done, refined in enumerate(self._refiner.refine_all(selection), 1):
                if refined.outcome is RefinementOutcome.REFINED:
                    self._editor.store(share(refined.result))
                self._run.advance(done)
                yield refined
                if self._run.cancelled():
                    return

    def plan(self, request: PropagationRequest | None = None) -> Plan:
        """Return the sweeps of :meth:`propagate`; UserError if nothing can be propagated."""
        self._editor.add_prompted_objects()
        frames = self._resolver.conditioning_frames()
        return make_plan(request or PropagationRequest(), frames, self.stack.n_frames)

    def propagate(
        self, request: PropagationRequest | None = None, *, resume: bool = False
    ) -> Iterator[FrameResult]:
        """Track objects from their prompts through the stack.

        Each result is stored before it is yielded. Between two prompted frames the forward sweep
        gives drafts (``final`` is False), which the backward sweep replaces by the blend of both.

        Parameters
        ----------
        request : PropagationRequest or None
            Objects, direction and frames; None for all.
        resume : bool
            Continue from the journal's last checkpoint if it is of the same request, prompts and
            settings; the results are those of an uninterrupted run.

        Yields
        ------
        FrameResult
            One object on one frame, frames in the order of computation.

        Raises
        ------
        UserError
            If nothing can be propagated, or an object has only clicks outside on a frame.
        StackReadError
            If a plane cannot be read; frames that are complete stay.
        """
        self._emit_notes()
        request = request or PropagationRequest()
        plan = self.plan(request)
        prompts = self._resolver.resolve_run(plan.sweeps[0].conditioning)
        prompts.check()
        self._run.reset()
        if not resume:
            for object_id in plan.objects:
                self._journal.forget(object_id)
        run_id = prompts.digest(f"{request} {self.settings} {self.predictor.info.weights_hash}")
        return self._propagate(plan, prompts, run_id, resume)

    def _propagate(
        self, plan: Plan, prompts: RunPrompts, run_id: str, resume: bool
    ) -> Iterator[FrameResult]:
        with self._run.running(plan.n_steps), self._pipeline.prefetcher() as prefetcher:
            make_runner = partial(self._pipeline.sweep_runner, prefetcher, prompts)
            exclusion = self._pipeline.exclusion(plan, self._store)
            store, every = self._store, self.settings.checkpoint_every
            propagation = Propagation(make_runner, store, self._journal, every, run_id, exclusion)
            frames = propagation.run(plan, self._run.cancelled, resume=resume)
            while (frame := self._next(frames)) is not None:
                results = [*frame.results, *frame.revised]
                self._editor.store(results)
                self._run.advance(frame.done)
                yield from results

    def cancel(self) -> None:
        """Stop a run after the current frame; any thread may call. Complete frames stay."""
        self._run.cancel()

    def _next(self, frames: Iterator[SweptFrame]) -> SweptFrame | None:
        with self._model_lock:
            return next(frames, None)

    def _predict_closer(self, before: FrameResult) -> FrameResult | None:
        with self._model_lock:
            return self._pipeline.click_predictor.refine(before)

    def _emit_notes(self) -> None:
        while self._notes:
            self.events.notice.emit(self._notes.pop(0))
