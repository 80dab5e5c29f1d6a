"""Carry a checked segmentation out: begin or go on, show progress, end with the right code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from napari_sam2.cli.console import ExitCode, model_summary, on_interrupt, peak_memory, showing
from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.core.errors import UserError
from napari_sam2.export.labels import create_label_output, finish_label_output, open_label_output
from napari_sam2.images.plane_readers import MissingValueMonitor
from napari_sam2.inference.refinement import summarize_outcomes
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.session.run_folder import RunFolder
from napari_sam2.session.session import SegmentationSession
from napari_sam2.workflows.job import SegmentationJob, SegmentOptions, prepare

if TYPE_CHECKING:
    from rich.console import Console


def run(options: SegmentOptions) -> ExitCode:
    """Segment; labels, scores and bookkeeping are written as the run goes on.

    Returns
    -------
    ExitCode
        Done, stopped part-way, or interrupted.

    Raises
    ------
    UserError, SAM2Error
        If something given cannot be used; nothing has been written then.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    job = _prepare(options)
    for note in (*job.stack.notes, model_summary(job.predictor.info)):
        console.print(note, markup=False)
    try:
        with _begin(job) as folder:
            return _work(job, folder, console)
    except UserError:
        raise
    except OSError as error:
        hint = f"Stopped: {error}. What was done is kept; the same command with --resume goes on."
        console.print(hint, markup=False, style="red")
        return ExitCode.STOPPED_PART_WAY


def _prepare(options: SegmentOptions) -> SegmentationJob:
    try:
        return prepare(options)
    except OSError as error:
        raise UserError(str(error)) from error


def _begin(job: SegmentationJob) -> RunFolder:
    if job.goes_on:
        return RunFolder.open(job.output.run_folder)
    if job.overwrite:
        job.output.remove()
        if job.scores is not None:
            job.scores.unlink(missing_ok=True)
    return RunFolder.create(job.output.run_folder, job.description)


def _work(job: SegmentationJob, folder: RunFolder, console: Console) -> ExitCode:
    labels = _labels(job, folder)
    session = SegmentationSession(
        job.stack,
        job.predictor,
        intensity=job.intensity,
        prompts=job.prompts,
        masks=folder.masks,
        drafts=folder.drafts,
        journal=folder.journal,
        labels=labels,
        settings=job.settings,
        reader=MissingValueMonitor(job.stack, lambda note: console.print(note, markup=False)),
    )
    with on_interrupt(session.cancel), showing(session, console):
        for _ in session.propagate(job.request, resume=job.goes_on):
            pass
        if job.refine and not session.run.cancelled:
            outcomes = Counter(refined.outcome for refined in session.refine_track())
            console.print(f"Refined: {summarize_outcomes(outcomes)}", markup=False)
    _write_scores(job, session)
    if session.run.cancelled:
        console.print("Interrupted. The same command with --resume goes on.")
        return ExitCode.INTERRUPTED
    note = _note(job)
    finish_label_output(job.output, job.stack, labels, job.prompts.objects(), note)
    console.print(_summary(job), markup=False)
    return ExitCode.DONE


def _labels(job: SegmentationJob, folder: RunFolder) -> LabelArray:
    ids = job.prompts.objects()
    if folder.journal.done():
        return open_label_output(job.output, job.stack, ids)
    # Nothing was done yet, so what lies there may be half made.
    job.output.discard_labels()
    info = job.predictor.info
    model = {"model": info.name, "weights": info.weights_hash, "trained": info.trained}
    return create_label_output(job.output, job.stack, ids, attributes=model)


def _write_scores(job: SegmentationJob, session: SegmentationSession) -> None:
    if job.scores is not None:
        with atomic_write(job.scores) as temporary:
            session.scores.write_csv(temporary)


def _note(job: SegmentationJob) -> str:
    info = job.predictor.info
    return f"Labels by {info.name}" + ("" if info.trained else ": untrained, not for use")


def _summary(job: SegmentationJob) -> str:
    count, peak = len(job.prompts.objects()), peak_memory()
    memory = "" if peak is None else f", at most {peak / 2**30:.1f} GiB of memory"
    untrained = "" if job.predictor.info.trained else " The model is untrained."
    objects = "1 object" if count == 1 else f"{count} objects"
    return f"{objects} segmented into {job.output.path}{memory}.{untrained}"
