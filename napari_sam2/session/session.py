"""The segmentation session used by the viewer, the command line and scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.inference.preview import Preview
from napari_sam2.inference.refinement import MaskRefiner, Refined
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import FrameResult
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.prompts.resolver import PromptResolver
from napari_sam2.session.actions.actions import CandidateChosen, MaskPredicted
from napari_sam2.session.actions.player import ActionPlayer
from napari_sam2.session.candidates.session_search import SessionSearch
from napari_sam2.session.editing import MaskEditor
from napari_sam2.session.events import RunState, RunStatus, SessionEvents
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.lineage.lineage_editor import LineageEditor
from napari_sam2.session.object_edits import ObjectEdits
from napari_sam2.session.objects import ObjectList
from napari_sam2.session.pipeline import InferencePipeline
from napari_sam2.session.runs import SessionRuns
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.tracks.object_tracks import ObjectTracks
from napari_sam2.tracking.correction import Correction
from napari_sam2.tracking.plan import Plan, PropagationRequest
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


class SegmentationSession(ObjectEdits):
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
    history : EditHistory or None
        Steps shared with other sessions; None for steps of its own, in memory.

    Attributes
    ----------
    events : SessionEvents
        Signals.
    objects : ObjectList
        The objects.
    scores : ScoreTable
        Scores of all masks.
    history : EditHistory
        All edits, with undo and redo.
    actions : ActionPlayer
        Repeats actions of a log.
    search : SessionSearch
        Finds candidates for objects.
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
        history: EditHistory | None = None,
    ) -> None:
        self.stack, self.predictor = stack, predictor
        self.prompts, self.masks, self.labels = prompts, masks, labels
        self.settings = settings or SessionSettings()
        self.events = SessionEvents()
        self._run = RunState(self.events)
        self._journal: Journal = journal or NullJournal()
        self.history = EditHistory() if history is None else history
        self.objects = ObjectList() if objects is None else objects
        prompts.record_in(self.history)
        self.objects.edits = self.history
        self._store = SegmentationStore(stack, masks, labels, drafts, self.history)
        self._resolver = PromptResolver(prompts, self._store, stack.shape)
        tracks = ObjectTracks(stack, self.objects, prompts, self._store, self._resolver)
        parts = (self._store, prompts, self.events, self._journal, self.objects)
        editor = MaskEditor(*parts, self.history, tracks)
        lineage = LineageEditor(stack, *parts, self.history, tracks, editor)
        super().__init__(editor, self._store, tracks, lineage)
        self.scores = self._editor.scores
        self._pipeline = InferencePipeline(
            stack, predictor, intensity, self.settings, self._resolver.resolve, reader or stack
        )
        self._refiner = MaskRefiner(self._store, prompts, self._predict_closer)
        self._notes = [*stack.notes, *prompts.notes, *intensity.notes, *predictor.info.notes]
        self._model_lock = RLock()
        self.search = SessionSearch(self._pipeline, self._store, self._run, self._model_lock)
        self._runs = SessionRuns(
            *(self._pipeline, self._resolver, self._store, self._editor, self._tracks),
            *(self._refiner, self._journal, self._run, self._model_lock, self.history),
            *(self.settings.checkpoint_every, prompts.position),
        )
        self.actions = ActionPlayer(
            self._editor, self._runs, self.preview, self.choose, self._lineage
        )

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

    def warm(self, frame: int) -> None:
        """Encode a frame before the first click on it."""
        self._emit_notes()
        with self._model_lock:
            self._pipeline.click_predictor.warm(frame)

    def preview(self, object_id: int, frame: int, *, trial: PointPrompt | None = None) -> Preview:
        """Predict and store the mask for an object's prompts; return it with its alternatives.

        It is not stored if another thread has changed these prompts meanwhile.

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
            If the object has no prompt on the frame, or its mask there is locked.
        """
        if trial is None:
            self._editor.check_unlocked(object_id, frame)
        self._emit_notes()
        if trial is not None:
            with self._model_lock:
                prompts = self._resolver.resolve_with_click(trial)
                return self._pipeline.click_predictor.predict(object_id, frame, prompts)
        # The step stays closed: an edit can be undone while its mask is computed.
        with self.history.join(self.history.action(f"Predict object {object_id}")):
            asked = self.prompts.get(object_id, frame)
            with self._model_lock:
                preview = self._pipeline.click_predictor.predict(object_id, frame)
            with self.history.edit("Store a prediction"):
                if self.prompts.get(object_id, frame) == asked:
                    predicted = MaskPredicted(self.prompts.position, object_id, frame)
                    self._editor.store([preview.result], predicted, replace=True)
        return preview

    def choose(self, preview: Preview, number: int) -> Preview:
        """Choose and store another candidate of a preview; propagation then starts from it.

        Numbers past the last candidate start over from the first.
        """
        self._editor.check_unlocked(preview.result.object_id, preview.result.frame)
        chosen = preview.choose(number)
        result, number = chosen.result, chosen.chosen
        action = CandidateChosen(self.prompts.position, result.object_id, result.frame, number)
        with self.history.step(f"Choose a mask of object {result.object_id}"):
            self._resolver.choose(result, number)
            self._editor.store([result], action, replace=True)
        return chosen

    def refine(self, object_id: int, frame: int) -> FrameResult:
        """Predict a mask again in the view that suits its size best, and store it.

        Raises
        ------
        UserError
            If there is no mask, it is locked, the earlier view was as close, or the new mask
            differs too much.
        """
        self._editor.check_unlocked(object_id, frame)
        with self.history.step(f"Refine object {object_id}"):
            return self._runs.refine_mask(object_id, frame, (), replace=True)

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
        return self._runs.refine(objects, frames)

    def plan(self, request: PropagationRequest | None = None) -> Plan:
        """Return the sweeps of :meth:`propagate`; UserError if nothing can be propagated."""
        return self._runs.plan(request or PropagationRequest(), self.stack.n_frames)

    def correction(
        self, object_id: int, request: PropagationRequest | None = None
    ) -> Correction | None:
        """Return the frames that :meth:`propagate_correction` would compute; None for none.

        Parameters
        ----------
        object_id : int
            The label value.
        request : PropagationRequest or None
            Direction and frames; its objects are ignored.
        """
        return self._tracks.correction(object_id, request or PropagationRequest())

    def propagate_correction(
        self, object_id: int, request: PropagationRequest | None = None
    ) -> Iterator[FrameResult]:
        """Track one object on the frames of its :meth:`correction`; all other masks stay.

        UserError if there is nothing to compute.
        """
        self._emit_notes()
        request = request or PropagationRequest()
        token = self.history.action(_run_title([object_id]))
        with self.history.join(token):
            self._runs.trim([object_id], self.preview)
            plan = self._runs.correction_plan(object_id, request)
        return self._runs.start(plan, self._context(f"correction {plan}"), token, resume=False)

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
        ids = request.objects or self.prompts.objects()
        token = self.history.action(_run_title(ids))
        with self.history.join(token):
            self._runs.trim(request.objects, self.preview)
            plan = self.plan(request)
        if not resume:
            for object_id in plan.objects:
                self._journal.forget(object_id)
        return self._runs.start(plan, self._context(str(request)), token, resume=resume)

    def _context(self, run: str) -> str:
        return f"{run} {self.settings} {self.predictor.info.identity}"

    def cancel(self) -> None:
        """Stop a run after the current frame; any thread may call. Complete frames stay."""
        self._run.cancel()

    def _predict_closer(self, before: FrameResult) -> FrameResult | None:
        with self._model_lock:
            return self._pipeline.click_predictor.refine(before)

    def _emit_notes(self) -> None:
        while self._notes:
            self.events.notice.emit(self._notes.pop(0))


def _run_title(objects: Sequence[int]) -> str:
    return f"Propagate object {objects[0]}" if len(objects) == 1 else "Propagate objects"
