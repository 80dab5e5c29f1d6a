"""Run a segmentation job: images and prompts in files, labels and scores to files."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from napari_sam2.analysis.exclusions import overlap_messages
from napari_sam2.analysis.track_ends import extent_message, track_extents
from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.core.errors import UserError
from napari_sam2.export.labels import (
    create_label_output,
    finish_label_output,
    open_label_output,
    output_notes,
)
from napari_sam2.images.plane_readers import MissingValueMonitor
from napari_sam2.inference.model_catalog import PredictorLoader, predictor_of
from napari_sam2.inference.refinement import RefinementOutcome, summarize_outcomes
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.label_layout import label_dtype
from napari_sam2.prompts.volume_series.series_prompts import SeriesPrompts
from napari_sam2.session.factory import create_session
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.storage.run_folder import RunFolder
from napari_sam2.workflows.axis_fusion.run import run_fusion
from napari_sam2.workflows.model_summary import label_note, model_summary
from napari_sam2.workflows.preparation import PreparedSegmentation, prepare_segmentation
from napari_sam2.workflows.prompt_source import highest_id
from napari_sam2.workflows.reconnection import run_through_losses
from napari_sam2.workflows.reporter import RecordingReporter, Reporter, RunEnding
from napari_sam2.workflows.tracking.divisions import write_divisions
from napari_sam2.workflows.tracking.newcomers import NewcomerRun
from napari_sam2.workflows.volume_series.run import run_series

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import ModelInfo
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.workflows.job import SegmentationJob


@dataclass(frozen=True)
class RunOutcome:
    """Result of :func:`run_segmentation`.

    Parameters
    ----------
    ending : RunEnding
        How the run ended.
    output : Path
        The labels; complete only if ``ending`` is ``DONE``.
    scores : Path or None
        The CSV file of scores, if one was asked for.
    objects : int
        Number of objects.
    done, total : int
        Finished frames and all frames of the last stage (propagation or refinement). A frame that
        is computed in both directions counts twice.
    model : ModelInfo
        The model that was used.
    refined : mapping
        Number of masks for each outcome of the refinement; empty without refinement.
    messages : tuple of str
        All messages that were reported.
    error : str
        Why the run stopped part-way; empty otherwise.
    """

    ending: RunEnding
    output: Path
    scores: Path | None
    objects: int
    done: int
    total: int
    model: ModelInfo
    refined: Mapping[RefinementOutcome, int] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    error: str = ""


def run_segmentation(
    job: SegmentationJob,
    reporter: Reporter | None = None,
    *,
    load: PredictorLoader = predictor_of,
) -> RunOutcome:
    """Segment; labels, scores and the state for resuming are written during the run.

    Parameters
    ----------
    job : SegmentationJob
        What to segment.
    reporter : Reporter or None
        Receives messages and progress and may cancel the run; None discards them.
    load : PredictorLoader
        Loads the model of the job.

    Returns
    -------
    RunOutcome
        Whether the run is done, was canceled, or stopped because a file could not be read or
        written. In the last two cases, a job with ``resume=True`` completes it.

    Raises
    ------
    UserError
        If an input, an option or the output cannot be used; nothing has been written then.
    SAM2Error
        If the model or the device is not available.
    """
    recorder = RecordingReporter(reporter)
    prepared = prepare_segmentation(job, recorder, load)
    for text in _notes(prepared):
        recorder.message(text)
    refined: Counter[RefinementOutcome] = Counter()
    error = ""
    try:
        ending = _run_through_losses(prepared, recorder, refined)
    except UserError:
        raise
    except OSError as reason:
        ending, error = RunEnding.STOPPED_PART_WAY, _describe_error(reason)
    return RunOutcome(
        ending=ending,
        output=prepared.output.path,
        scores=job.scores,
        objects=len(prepared.prompts.objects()),
        done=recorder.done,
        total=recorder.total,
        model=prepared.predictor.info,
        refined=refined,
        messages=tuple(recorder.messages),
        error=error,
    )


def _notes(prepared: PreparedSegmentation) -> Iterator[str]:
    """Yield what to know about the input, the options and the model."""
    yield from prepared.stack.notes
    yield from prepared.prompts.notes
    yield from prepared.intensity.notes
    yield from prepared.predictor.info.notes
    yield from output_notes(prepared.output, prepared.stack)
    if prepared.settings.exclusion is not prepared.job.exclusion:
        yield "The earlier run let masks overlap, so it is resumed without exclusion."
    yield model_summary(prepared.predictor.info)


def _describe_error(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "No space left on the disk of the output: make room"
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return f"{error.filename or 'The output folder'} cannot be written: {error.strerror}"
    return str(error)


def _open_folder(prepared: PreparedSegmentation) -> RunFolder:
    job, output = prepared.job, prepared.output
    if prepared.resumes:
        return RunFolder.open(output.run_folder)
    if job.overwrite:
        output.remove()
        if job.scores is not None:
            job.scores.unlink(missing_ok=True)
    return RunFolder.create(output.run_folder, prepared.description)


def _run_through_losses(
    prepared: PreparedSegmentation,
    recorder: RecordingReporter,
    refined: Counter[RefinementOutcome],
) -> RunEnding:
    """Run, and resume when a remote worker was lost."""

    def attempt(resumes: bool) -> RunEnding:
        now = replace(prepared, resumes=True) if resumes else prepared
        refined.clear()
        with _open_folder(now) as folder:
            return _run(now, folder, recorder, refined)

    return run_through_losses(attempt, recorder)


def _run(
    prepared: PreparedSegmentation,
    folder: RunFolder,
    reporter: Reporter,
    refined: Counter[RefinementOutcome],
) -> RunEnding:
    labels = _open_labels(prepared, folder)
    if isinstance(prepared.prompts, SeriesPrompts):
        ending = run_series(prepared, prepared.prompts, folder, labels, reporter)
        if ending is RunEnding.DONE:
            _finish(prepared, labels, prepared.prompts.objects())
        return ending
    if prepared.fusion is not None:
        ending = run_fusion(prepared, prepared.fusion, prepared.prompts, folder, labels, reporter)
        if ending is RunEnding.DONE:
            _finish(prepared, labels, prepared.prompts.objects())
        return ending
    session = create_session(
        prepared.stack,
        prepared.predictor,
        intensity=prepared.intensity,
        prompts=prepared.prompts,
        settings=prepared.settings,
        masks=folder.masks,
        labels=labels,
        journal=folder.journal,
        drafts=folder.drafts,
        reader=MissingValueMonitor(prepared.stack, reporter.message),
        history=EditHistory(limit=0),
    )
    stopped = Event()

    def cancel() -> None:
        stopped.set()
        session.cancel()

    with reporter.running(cancel):
        complete = _compute(prepared, session, folder, reporter, refined, stopped)
    if prepared.job.scores is not None:
        with atomic_write(prepared.job.scores) as temporary:
            session.scores.write_csv(temporary)
    if not complete:
        return RunEnding.INTERRUPTED
    for text in overlap_messages(session.masks, session.stack):
        reporter.message(text)
    job = prepared.job
    if job.find_every is not None and session.stack.along == "t":
        frames = prepared.request.frames or (0, session.stack.n_frames)
        reporter.message(extent_message(track_extents(session.masks, session.stack, frames)))
    ids = write_divisions(session, labels, job.divisions, job.lineage, reporter)
    _finish(prepared, labels, ids)
    return RunEnding.DONE


def _finish(prepared: PreparedSegmentation, labels: LabelArray, ids: Iterable[int]) -> None:
    note = label_note(prepared.predictor.info)
    finish_label_output(prepared.output, prepared.stack, labels, ids, note)


def _compute(
    prepared: PreparedSegmentation,
    session: SegmentationSession,
    folder: RunFolder,
    reporter: Reporter,
    refined: Counter[RefinementOutcome],
    stopped: Event,
) -> bool:
    """Propagate and refine; return False if the run was canceled."""

    def report(done: int, total: int) -> None:
        reporter.progress("Segmenting", done, total)

    reporter.progress("Segmenting", 0, None)
    session.events.progress.connect(report)
    if prepared.job.find_every is not None:
        if not NewcomerRun(prepared, session, folder, reporter, stopped).propagate():
            return False
    else:
        for _ in session.propagate(prepared.request, resume=prepared.resumes):
            pass
    if prepared.job.refine and not session.run.cancelled:
        refined.update(mask.outcome for mask in session.refine_track())
        reporter.message(f"Refined: {summarize_outcomes(refined)}")
    return not session.run.cancelled


def _open_labels(prepared: PreparedSegmentation, folder: RunFolder) -> LabelArray:
    ids = prepared.prompts.objects()
    if folder.journal.done() or folder.journal.last_checkpoint() is not None:
        return open_label_output(prepared.output, prepared.stack, ids)
    # No plane is finished, so the labels may be incomplete: start them again.
    prepared.output.discard_labels()
    info = prepared.predictor.info
    attributes = {"model": info.name, "weights": info.weights_hash, "trained": info.trained}
    attributes |= {"dtype": info.dtype, "input_size": info.image_size}
    job = prepared.job
    later = () if job.find_every is None else (highest_id(job, ids),)
    dtype = label_dtype((*ids, *later))
    return create_label_output(
        prepared.output, prepared.stack, ids, dtype=dtype, attributes=attributes
    )
