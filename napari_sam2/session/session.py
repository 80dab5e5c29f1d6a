"""The main job, prompts in and labels out, behind three doors: viewer, command line, script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from threading import Event, RLock
from typing import TYPE_CHECKING

from napari_sam2.inference.preview import Preview
from napari_sam2.inference.refinement import MaskRefiner, Refined, RefinementOutcome
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import FrameResult
from napari_sam2.masks.scores import ScoreRow
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.prompts.plane_prompts import RunPrompts
from napari_sam2.session.editing import MaskEditor
from napari_sam2.session.events import RunStatus
from napari_sam2.session.pipeline import InferencePipeline
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import Plan, PropagationRequest, make_plan
from napari_sam2.tracking.propagation import NoRecorder, Propagation, RunRecorder, SweptFrame

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.plane_readers import PlaneReader
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.store import MaskStore
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.prompts.types import PointPrompt


class SegmentationSession(MaskEditor):
    """One stack, one model, the user's prompts, and the masks that come of them.

    Parameters
    ----------
    stack : Stack
        Where planes are read from.
    predictor : Predictor
        The model.
    intensity : Intensity
        What the model sees of raw values; the same for every frame.
    prompts : PromptStore
        What the user asks for.
    masks : MaskStore
        Where masks are kept: in memory or on disk.
    labels : LabelArray or None
        The label image derived from the masks, updated as they come.
    settings : SessionSettings
        Choices that change results or resources.
    recorder : RunRecorder or None
        Keeps what is done and what an interrupted propagation goes on from; a Journal is one.
    drafts : MaskStore or None
        Where forward drafts wait for the backward pass; on disk for a run that may be resumed.
    reader : PlaneReader or None
        Reads planes in place of the stack, e.g. a ``MissingValueMonitor``.

    Notes
    -----
    One thread may propagate while others preview and edit: they take turns.
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
        recorder: RunRecorder | None = None,
        drafts: MaskStore | None = None,
        reader: PlaneReader | None = None,
    ) -> None:
        super().__init__(prompts, SegmentationStore(stack, masks, labels, drafts))
        self.stack = stack
        self.predictor = predictor
        self.settings = settings or SessionSettings()
        self.run = RunStatus()
        self._recorder: RunRecorder = recorder or NoRecorder()
        self._refiner = MaskRefiner(self._store, prompts, self._closer)
        self._untold = list(stack.notes)
        self._model_lock = RLock()
        self._cancel = Event()
        self._pipeline = InferencePipeline(
            stack, predictor, intensity, self.settings, self._resolver.resolve, reader or stack
        )

    @property
    def intensity(self) -> Intensity:
        """What the model sees of raw values."""
        return self._pipeline.intensity

    @intensity.setter
    def intensity(self, intensity: Intensity) -> None:
        with self._model_lock:
            self._pipeline.show(intensity)

    @property
    def encodings(self) -> int:
        """How many windows were encoded so far."""
        return self._pipeline.cache.encodings

    @property
    def encoder(self) -> ViewEncoder:
        """The model's eyes, e.g. to show what the model sees."""
        return self._pipeline.encoder

    @property
    def placement(self) -> ViewPlacement:
        """Where the model's windows may lie on this stack."""
        return self._pipeline.placement

    def warm(self, frame: int) -> None:
        """Encode a frame ahead of the first click on it."""
        self._tell()
        with self._model_lock:
            self._pipeline.click_predictor().warm(frame)

    def preview(self, object_id: int, frame: int, *, trial: PointPrompt | None = None) -> Preview:
        """Answer an object's prompts on one frame.

        Parameters
        ----------
        object_id : int
            The object.
        frame : int
            Position along the propagated axis.
        trial : PointPrompt or None
            Answer as if there were this click too, and keep nothing: for a hover preview.

        Returns
        -------
        Preview
            The mask, and what else the prompts may mean.

        Raises
        ------
        UserError
            If the object has no prompt on the frame.
        """
        self._tell()
        question = None if trial is None else self._resolver.resolve_with_click(trial)
        with self._model_lock:
            preview = self._pipeline.click_predictor().preview(object_id, frame, question)
        if trial is None:
            self._keep([preview.result], reopen=True)
        return preview

    def choose(self, preview: Preview, number: int) -> Preview:
        """Take another candidate of a preview; propagation then starts from it.

        ``number`` counts round, so that one key can cycle.
        """
        chosen = preview.choose(number)
        self._resolver.choose(chosen.result, chosen.chosen)
        self._keep([chosen.result], reopen=True)
        return chosen

    def refine(self, object_id: int, frame: int) -> FrameResult:
        """Sharpen a mask by a second look in the window that shows it best.

        Raises
        ------
        UserError
            If the object has no mask on the frame, it was seen as closely before, or the second
            look disagrees with it.
        """
        refined = self._refiner.frame(object_id, frame)
        self._keep([refined], reopen=True)
        return refined

    def refinable(self, object_id: int, frame: int) -> bool:
        """Whether :meth:`refine_track` would look again at the mask there; cheap."""
        return self._refiner.free(object_id, frame)

    def refine_track(
        self, objects: Iterable[int] | None = None, frames: Iterable[int] | None = None
    ) -> Iterator[Refined]:
        """Sharpen masks along tracks, each by a second look in the window that shows it best.

        Parameters
        ----------
        objects, frames : iterable of int or None
            Whose masks, and where; None for all.

        Yields
        ------
        Refined
            Each mask, frame by frame, with what came of it. Where the second look disagrees, and
            where the user drew or accepted the mask, the first one stays.
        """
        places = self._refiner.places(objects, frames)
        self._cancel.clear()
        self.run = RunStatus(0, len(places))
        for refined in self._refiner.at(places):
            if refined.outcome is RefinementOutcome.SHARPENED:
                self._keep([refined.result])
            self.run = RunStatus(self.run.done + 1, len(places))
            self.events.progress.emit(self.run.done, self.run.total)
            yield refined
            if self._cancel.is_set():
                self.run = replace(self.run, cancelled=not self.run.complete)
                return

    def plan(self, request: PropagationRequest | None = None) -> Plan:
        """Return what :meth:`propagate` would compute.

        Raises
        ------
        UserError
            If nothing can be propagated.
        """
        self._adopt_objects()
        return make_plan(
            request or PropagationRequest(), self._resolver.prompted(), self.stack.n_frames
        )

    def propagate(
        self, request: PropagationRequest | None = None, *, resume: bool = False
    ) -> Iterator[FrameResult]:
        """Follow objects from their prompts through the stack.

        Every result is stored before it is given. Between two prompted frames the forward
        pass gives drafts (``final`` is False), which the backward pass replaces by the blend.

        Parameters
        ----------
        request : PropagationRequest or None
            Which objects, ways and frames; None for all.
        resume : bool
            Go on from the recorder's last checkpoint, if it is of the same request, prompts and
            settings; the results are those of a run without interruption.

        Yields
        ------
        FrameResult
            One object on one frame, frames in the order in which they are computed.

        Raises
        ------
        UserError
            If nothing can be propagated.
        StackReadError
            If a plane cannot be read; frames that are done stay.
        """
        self._tell()
        request = request or PropagationRequest()
        plan = self.plan(request)
        self._cancel.clear()
        if not resume:
            for object_id in plan.objects:
                self._recorder.forget(object_id)
        questions = self._resolver.resolve_run(plan.sweeps[0].conditioning)
        run_id = questions.digest(f"{request} {self.settings} {self.predictor.info.weights_hash}")
        return self._stream(plan, questions, run_id, resume)

    def _stream(
        self, plan: Plan, questions: RunPrompts, run_id: str, resume: bool
    ) -> Iterator[FrameResult]:
        self.run = RunStatus(0, plan.n_steps)
        every = self.settings.checkpoint_every
        with self._pipeline.ahead() as ahead:
            run = Propagation(
                partial(self._pipeline.sweep_runner, ahead, questions),
                self._store,
                self._recorder,
                every,
                run_id,
            )
            frames = run.run(plan, self._cancel.is_set, resume=resume)
            while (frame := self._next(frames)) is not None:
                self._keep(frame.results)
                self.run = RunStatus(frame.done, plan.n_steps)
                self.events.progress.emit(frame.done, plan.n_steps)
                yield from frame.results
        cancelled = self._cancel.is_set() and not self.run.complete
        done = self.run.done if cancelled else plan.n_steps
        self.run = RunStatus(done, plan.n_steps, cancelled)

    def _closer(self, before: FrameResult) -> FrameResult | None:
        with self._model_lock:
            return self._pipeline.click_predictor().refine(before)

    def _next(self, frames: Iterator[SweptFrame]) -> SweptFrame | None:
        with self._model_lock:
            return next(frames, None)

    def _tell(self) -> None:
        while self._untold:
            self.events.notice.emit(self._untold.pop(0))

    def cancel(self) -> None:
        """Stop the propagation after the frame in work; what is done stays. Any thread may call."""
        self._cancel.set()

    def _keep(self, results: Sequence[FrameResult], *, reopen: bool = False) -> None:
        for result in self._store.put(results, reopen=reopen):
            self.scores.add(ScoreRow.of(result))
        for result in results:
            self._recorder.mark([result.object_id], result.direction, result.index)
            self.events.result.emit(result)
