"""What the runs of a job along several axes share: images, model, masks and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.images.plane_readers import MissingValueMonitor
from napari_sam2.session.volume_series.axis_run import SeriesParts

if TYPE_CHECKING:
    from napari_sam2.images.plane_readers import PlaneReader
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.session.storage.run_folder import RunFolder
    from napari_sam2.workflows.preparation import PreparedSegmentation
    from napari_sam2.workflows.reporter import Reporter


def series_parts(
    prepared: PreparedSegmentation, folder: RunFolder, labels: LabelArray, reporter: Reporter
) -> SeriesParts:
    """Return what the runs of a job share; missing values are reported once.

    Parameters
    ----------
    prepared : PreparedSegmentation
        The checked job.
    folder : RunFolder
        Where masks are stored.
    labels : LabelArray
        The label image.
    reporter : Reporter
        Receives messages about missing values.
    """
    warnings = _Once(reporter)

    def reader(stack: Stack) -> PlaneReader:
        return MissingValueMonitor(stack, warnings.message)

    return SeriesParts(
        prepared.stack,
        prepared.predictor,
        prepared.intensity,
        prepared.settings,
        folder.masks,
        folder.drafts,
        labels,
        reader,
    )


class _Once:
    """Passes each message on once: several runs read the same planes."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._known: set[str] = set()

    def message(self, text: str) -> None:
        if text not in self._known:
            self._known.add(text)
            self._reporter.message(text)
