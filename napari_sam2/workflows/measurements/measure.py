"""Measure labeled objects, from files to a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.analysis.measurements.table import check_table_path, write_table
from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import PIXEL
from napari_sam2.images.input_files import check_outside
from napari_sam2.workflows.measurements.job import MeasurementJob
from napari_sam2.workflows.measurements.sources import open_measurement
from napari_sam2.workflows.reporter import RecordingReporter, Reporter

if TYPE_CHECKING:
    from napari_sam2.analysis.measurements.measurement import Measurement
    from napari_sam2.analysis.measurements.table import Row


@dataclass(frozen=True)
class MeasurementOutcome:
    """Result of :func:`measure_labels`.

    Parameters
    ----------
    rows : int
        Number of rows of the table.
    output : Path
        The table.
    messages : tuple of str
        All messages that were reported.
    """

    rows: int
    output: Path
    messages: tuple[str, ...]


def measure_labels(job: MeasurementJob, reporter: Reporter | None = None) -> MeasurementOutcome:
    """Measure all objects of labels or of a session and write the table.

    Along t an object has a row for each frame; along z its planes are one volume. Two planes of
    labels and one of the image are in memory at a time.

    Raises
    ------
    UserError
        If an input or the output cannot be used; nothing has been written then.
    """
    recorder = RecordingReporter(reporter)
    check_table_path(job.output)
    with open_measurement(job, recorder) as (measurement, read):
        _check_output(job, read)
        if note := _unit_note(measurement):
            recorder.message(note)
        with recorder.running():
            rows = _reported(measurement, recorder)
            count = write_table(job.output, rows, measurement.columns)
    return MeasurementOutcome(count, job.output, tuple(recorder.messages))


def _check_output(job: MeasurementJob, read: Sequence[Path]) -> None:
    for path in read:
        if path.resolve() == job.output.resolve():
            raise UserError(f"The table would replace the input {path}. Give another file.")
        check_outside(job.output, path)
    if job.output.exists() and not job.overwrite:
        raise UserError(f"{job.output} exists. Choose another file, or --overwrite it.")


def _unit_note(measurement: Measurement) -> str:
    unit = measurement.unit
    if unit.note or unit.length != PIXEL:
        return unit.note
    return f"{measurement.labels.stack.name} states no pixel size: results are in pixels."


def _reported(measurement: Measurement, reporter: Reporter) -> Iterator[Row]:
    """Yield the rows, and report the time points that they belong to."""
    total = measurement.n_times
    for time in range(total):
        yield from measurement.rows_at(time)
        reporter.progress("Measuring", time + 1, total)
