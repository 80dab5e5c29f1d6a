"""The run of a job on a series of volumes: labels and scores to files."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from napari_sam2.analysis.series_summary import series_summary
from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.session.volume_series.series_run import SeriesRun
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.volume_series.parts import series_parts
from napari_sam2.workflows.volume_series.scores import write_series_scores

if TYPE_CHECKING:
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.prompts.volume_series.series_prompts import SeriesPrompts
    from napari_sam2.session.storage.run_folder import RunFolder
    from napari_sam2.workflows.preparation import PreparedSegmentation
    from napari_sam2.workflows.reporter import Reporter


def run_series(
    prepared: PreparedSegmentation,
    prompts: SeriesPrompts,
    folder: RunFolder,
    labels: LabelArray,
    reporter: Reporter,
) -> RunEnding:
    """Segment a series of volumes; masks, labels and the state are written during the run.

    Parameters
    ----------
    prepared : PreparedSegmentation
        The checked job.
    prompts : SeriesPrompts
        Its prompts.
    folder : RunFolder
        Where masks and the state are stored.
    labels : LabelArray
        The label image.
    reporter : Reporter
        Receives the plan, the progress and a summary, and may cancel the run.
    """
    cancelled = Event()
    parts = series_parts(prepared, folder, labels, reporter)
    run = SeriesRun(parts, prompts, folder.journal, prepared.request.direction)
    for line in run.plan_lines():
        reporter.message(line)
    with reporter.running(cancelled.set):
        reporter.progress("Segmenting", 0, None)
        for progress in run.run(cancelled.is_set, resume=prepared.resumes):
            reporter.progress("Segmenting", progress.done, progress.total)
    ids = prompts.objects()
    if prepared.job.scores is not None:
        with atomic_write(prepared.job.scores) as temporary:
            write_series_scores(temporary, folder.masks, ids)
    if cancelled.is_set():
        return RunEnding.INTERRUPTED
    reporter.message(series_summary(folder.masks, ids))
    return RunEnding.DONE
