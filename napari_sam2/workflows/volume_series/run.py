"""The run of a job on a series of volumes: labels and scores to files."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from napari_sam2.analysis.series_summary import series_summary
from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.images.plane_readers import MissingValueMonitor
from napari_sam2.session.volume_series.axis_run import SeriesParts
from napari_sam2.session.volume_series.series_run import SeriesRun
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.volume_series.scores import write_series_scores

if TYPE_CHECKING:
    from napari_sam2.images.plane_readers import PlaneReader
    from napari_sam2.images.stack import Stack
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
    cancelled, warnings = Event(), _Once(reporter)

    def reader(stack: Stack) -> PlaneReader:
        return MissingValueMonitor(stack, warnings.message)

    parts = SeriesParts(
        prepared.stack,
        prepared.predictor,
        prepared.intensity,
        prepared.settings,
        folder.masks,
        folder.drafts,
        labels,
        reader,
    )
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


class _Once:
    """Passes each message on once: several runs read the same planes."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._known: set[str] = set()

    def message(self, text: str) -> None:
        if text not in self._known:
            self._known.add(text)
            self._reporter.message(text)
