"""What is measured: a label image, the labels of a run, or a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.analysis.measurements.label_planes import PARENT, LabelPlanes, ObjectAttributes
from napari_sam2.analysis.measurements.measurement import Measurement
from napari_sam2.analysis.measurements.turned_planes import turned_planes, with_measured_planes
from napari_sam2.core.errors import UserError
from napari_sam2.export.tracking.ctc_folder import find_ctc_tracks, open_ctc_masks
from napari_sam2.images.calibration import PIXEL, SPATIAL
from napari_sam2.images.input_files import input_paths
from napari_sam2.images.layout import choose_layout
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.masks.label_image import LabelImage, place_notes
from napari_sam2.session.storage.run_folder import RunFolder
from napari_sam2.session.tracks.imported_labels import open_labels
from napari_sam2.workflows.tracking.export import lineage_of
from napari_sam2.workflows.tracking.saved_labels import (
    SavedLabels,
    is_session,
    open_saved_labels,
)

if TYPE_CHECKING:
    from napari_sam2.workflows.measurements.job import MeasurementJob
    from napari_sam2.workflows.reporter import Reporter


@contextmanager
def open_measurement(
    job: MeasurementJob, reporter: Reporter
) -> Iterator[tuple[Measurement, tuple[Path, ...]]]:
    """Open what is measured, and report notes about it.

    Yields
    ------
    Measurement, tuple of Path
        The measurement, and all files and folders that are read.

    Raises
    ------
    UserError
        If an input cannot be used, an option does not fit it, or shapes differ.
    """
    path = Path(job.labels)
    if not is_session(path):
        yield _of_labels(job, _labels_of_run(path), reporter)
        return
    given = {"--lineage": job.lineage is not None, "--axes": job.axes is not None}
    _check_unused(job, given, "labels")
    with open_saved_labels(path, job.image, drafts=job.drafts) as saved:
        saved.check()
        image = _with_channels(saved.stack, job.channels)
        _report(reporter, image, "")
        if saved.note:
            reporter.message(saved.note)
        with _planes_of(saved, reporter) as labels:
            attributes = ObjectAttributes.of_objects(saved.objects)
            measurement = Measurement(labels, with_measured_planes(image), attributes)
            yield measurement, (path, *input_paths(job.image, saved.stack.source))


@contextmanager
def _planes_of(saved: SavedLabels, reporter: Reporter) -> Iterator[LabelPlanes]:
    """Yield the labels of a session as planes of y and x, whatever its axis is."""
    stack = saved.stack
    if stack.plane == ("y", "x"):
        yield LabelPlanes(stack, saved.read)
        return
    reporter.message(f"The session was made along {stack.along}; its labels are measured on y, x.")
    planes = saved.planes
    objects = {object_id for ids in planes.values() for object_id in ids}
    with turned_planes(stack, saved.read, planes, objects) as labels:
        yield labels


def _of_labels(
    job: MeasurementJob, run_labels: Path | None, reporter: Reporter
) -> tuple[Measurement, tuple[Path, ...]]:
    _check_unused(job, {"--drafts": job.drafts}, "a session")
    given = {"--channel": job.channels is not None, "--image-axes": job.image_axes is not None}
    for option in (name for name, is_given in given.items() if is_given and job.image is None):
        raise UserError(
            f"{option} is for the image, but none is given. Give one, or omit {option}."
        )
    if run_labels is not None:
        reporter.message(
            f"The labels of the run are measured: {run_labels.name}. If the run was interrupted, "
            "complete it first by segment --resume."
        )
    source = run_labels or job.labels
    labels = _open_labels(source, job.axes)
    _report(reporter, labels, "")
    read = input_paths(source, labels.source)
    image = None
    if job.image is not None:
        image = _all_positions(open_stack(job.image, axes=job.image_axes, channels=job.channels))
        _report(reporter, image, "Image: ")
        read += input_paths(job.image, image.source)
        for note in place_notes(LabelImage(labels.arrays[0], affine=labels.affine), image):
            reporter.message(note)
    planes = LabelPlanes.of_labels(labels)
    if image is not None and _unsized(labels) and not _unsized(image):
        reporter.message(f"{labels.name} states no pixel size: that of the image is used.")
        planes = replace(planes, sizes=image.calibration)
    parents = lineage_of(source, job.lineage, reporter)
    attributes = ObjectAttributes()
    if job.lineage is not None or parents.parents:
        values = {child: (parent,) for child, parent in parents.parents.items()}
        attributes = ObjectAttributes((PARENT,), values)
    return Measurement(planes, image, attributes), read


def _labels_of_run(path: Path) -> Path | None:
    """Return the labels that a run has written, given its folder; None for another path.

    Raises
    ------
    UserError
        If the labels are missing.
    """
    if not RunFolder.exists(path):
        return None
    labels = path.with_suffix("")
    if not labels.exists():
        raise UserError(
            f"The run in {path.name} has no labels {labels.name} beside it. Complete it with "
            "segment --resume, or give the labels."
        )
    return labels


def _open_labels(source: str | Path, axes: str | None) -> Stack:
    if axes is None and find_ctc_tracks(Path(source)) is not None:
        return open_ctc_masks(Path(source))
    return _all_positions(open_labels(source, axes))


def _all_positions(stack: Stack) -> Stack:
    """Return a stack without the note on axes fixed at 0: all their positions are measured."""
    return stack.with_along(stack.along, {axis.lower(): 0 for axis, _ in stack.layout.fixed})


def _with_channels(stack: Stack, channels: Sequence[int] | None) -> Stack:
    """Return the image of a session with some of its channels; None keeps those it was made on."""
    if channels is None:
        return stack
    fixed = {axis.lower(): 0 for axis, _ in stack.layout.fixed}
    layout, _ = choose_layout(stack.axes, stack.full_shape, stack.along, fixed, tuple(channels))
    return Stack.assemble(stack.source, layout, stack.source.notes)


def _unsized(stack: Stack) -> bool:
    """Return whether a stack states no size of pixels."""
    spatial = (axis for axis in stack.label_axes if axis in SPATIAL)
    return all(stack.calibration.step(axis).unit == PIXEL for axis in spatial)


def _report(reporter: Reporter, stack: Stack, start: str) -> None:
    for note in stack.notes:
        reporter.message(start + note)


def _check_unused(job: MeasurementJob, given: dict[str, bool], kind: str) -> None:
    for option, is_given in given.items():
        if is_given:
            raise UserError(f"{option} is for {kind} only, and {job.labels} is not. Leave it out.")
