"""Measure labeled objects, from files to a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.analysis.measurements.measurement import Measurement
from napari_sam2.analysis.measurements.table import check_table_path, write_table
from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import PIXEL
from napari_sam2.images.input_files import check_outside, input_paths
from napari_sam2.images.stack import open_stack
from napari_sam2.workflows.reporter import RecordingReporter, Reporter

if TYPE_CHECKING:
    from napari_sam2.analysis.measurements.table import Row
    from napari_sam2.images.stack import Stack


@dataclass(frozen=True, kw_only=True)
class MeasurementJob:
    """One table of measurements, as the command ``measure`` makes it.

    Parameters
    ----------
    labels : str or Path
        Label image, in any format that is read.
    output : Path
        Table to write, a .csv file.
    image : str, Path or None
        Image whose values are measured; of the shape of the labels, apart from channels.
    axes, image_axes : str or None
        Axes of the labels and of the image, e.g. ``"TZYX"``; None uses those of the files.
    channels : sequence of int or None
        Channels of the image to measure; None measures all.
    overwrite : bool
        Replace an earlier table.
    """

    labels: str | Path
    output: Path
    image: str | Path | None = None
    axes: str | None = None
    image_axes: str | None = None
    channels: Sequence[int] | None = None
    overwrite: bool = False


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
    """Measure all objects of a label image and write the table.

    Along t an object has a row for each frame; along z its planes are one volume. One plane is in
    memory at a time.

    Raises
    ------
    UserError
        If an input or the output cannot be used; nothing has been written then.
    """
    recorder = RecordingReporter(reporter)
    labels = _open(job.labels, job.axes)
    image = None if job.image is None else _open(job.image, job.image_axes, job.channels)
    measurement = Measurement(labels, image)
    _check_output(job, labels, image)
    for text in _notes(measurement):
        recorder.message(text)
    with recorder.running():
        rows = _reported(measurement, recorder)
        count = write_table(job.output, rows, measurement.columns)
    return MeasurementOutcome(count, job.output, tuple(recorder.messages))


def _open(source: str | Path, axes: str | None, channels: Sequence[int] | None = None) -> Stack:
    """Return a stack without the note on axes fixed at 0: all their positions are measured."""
    stack = open_stack(source, axes=axes, channels=channels)
    return stack.with_along(stack.along, {axis.lower(): 0 for axis, _ in stack.layout.fixed})


def _check_output(job: MeasurementJob, labels: Stack, image: Stack | None) -> None:
    check_table_path(job.output)
    for source, stack in ((job.labels, labels), (job.image, image)):
        if source is None or stack is None:
            continue
        for read in input_paths(source, stack.source):
            if read.resolve() == job.output.resolve():
                raise UserError(f"The table would replace the input {read}. Give another file.")
            check_outside(job.output, read)
    if job.output.exists() and not job.overwrite:
        raise UserError(f"{job.output} exists. Choose another file, or --overwrite it.")


def _notes(measurement: Measurement) -> Iterator[str]:
    yield from measurement.labels.notes
    if measurement.image is not None:
        yield from (f"Image: {note}" for note in measurement.image.notes)
    unit = measurement.unit
    if unit.note:
        yield unit.note
    elif unit.length == PIXEL:
        yield f"{measurement.labels.name} states no pixel size: results are in pixels."


def _reported(measurement: Measurement, reporter: Reporter) -> Iterator[Row]:
    """Yield the rows, and report the time points that they belong to."""
    total = measurement.n_times
    for time in range(total):
        yield from measurement.rows_at(time)
        reporter.progress("Measuring", time + 1, total)
