"""The run of a job along several axes of a volume: labels and scores to files."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event
from typing import TYPE_CHECKING

from napari_sam2.analysis.exclusions import overlap_messages
from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.masks.database import MaskTable
from napari_sam2.masks.scores import ScoreRow, ScoreTable
from napari_sam2.masks.sqlite_store import SqliteMaskStore
from napari_sam2.session.axis_fusion.fusion_run import AxisStores, FusionRun
from napari_sam2.workflows.axis_fusion.inputs import spacing_notes
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.volume_series.parts import series_parts

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.session.storage.run_folder import RunFolder
    from napari_sam2.tracking.axis_fusion.plan import FusionPlan
    from napari_sam2.workflows.preparation import PreparedSegmentation
    from napari_sam2.workflows.reporter import Reporter


def run_fusion(
    prepared: PreparedSegmentation,
    plan: FusionPlan,
    prompts: PromptStore,
    folder: RunFolder,
    labels: LabelArray,
    reporter: Reporter,
) -> RunEnding:
    """Segment a volume along several axes; the state is written during the run, labels at its end.

    Parameters
    ----------
    prepared : PreparedSegmentation
        The checked job.
    plan : FusionPlan
        The axes, and how planes are interpolated.
    prompts : PromptStore
        The prompts of the job.
    folder : RunFolder
        Where masks and the state are stored.
    labels : LabelArray
        The label image.
    reporter : Reporter
        Receives the plan and the progress, and may cancel the run.
    """
    cancelled = Event()
    interpolated = prepared.job.interpolate is not None
    for line in (*spacing_notes(plan, prepared.stack, interpolated), *plan.lines()):
        reporter.message(line)
    parts = series_parts(prepared, folder, labels, reporter)
    with ExitStack() as opened:
        stores = {axis: _open_stores(folder, axis, opened) for axis in plan.axes}
        run = FusionRun(parts, plan, prompts, stores, folder.journal, prepared.request.direction)
        with reporter.running(cancelled.set):
            reporter.progress("Segmenting", 0, None)
            for progress in run.run(cancelled.is_set, resume=prepared.resumes):
                reporter.progress("Segmenting", progress.done, progress.total)
    if prepared.job.scores is not None:
        with atomic_write(prepared.job.scores) as temporary:
            _scores(prepared.stack, folder).write_csv(temporary)
    if cancelled.is_set():
        return RunEnding.INTERRUPTED
    for text in overlap_messages(folder.masks, prepared.stack):
        reporter.message(text)
    return RunEnding.DONE


def _open_stores(folder: RunFolder, axis: str, opened: ExitStack) -> AxisStores:
    database = folder.open_axis(axis)
    opened.callback(database.close)
    return AxisStores(SqliteMaskStore(database), SqliteMaskStore(database, MaskTable.DRAFTS))


def _scores(stack: Stack, folder: RunFolder) -> ScoreTable:
    table = ScoreTable()
    for frame in range(stack.n_frames):
        for record in folder.masks.at(stack.index(frame)):
            table.add(ScoreRow.from_info(frame, record.info))
    return table
