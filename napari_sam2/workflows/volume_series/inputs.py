"""Inputs of a job on a series of volumes, checked before anything is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.prompts.volume_series.series_prompts import SeriesPrompts, load_series_prompts
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.workflows.tracking.divisions import DivisionMode

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.workflows.job import SegmentationJob


def check_series_options(job: SegmentationJob) -> None:
    """Check that a job on a series of volumes has no option of runs along one axis.

    Raises
    ------
    UserError
        Names the option, and what to do instead.
    """
    if job.find is not None:
        raise UserError(
            "--find searches one plane, but --along t,z needs prompts with t and z. Search with "
            "the command find, add t and z to its prompts, and give them with --prompts."
        )
    if job.frames is not None:
        raise UserError(
            "--range counts along one axis, so it cannot be used with --along t,z. Leave it out."
        )
    if job.interpolate is not None:
        raise UserError("--interpolate cannot be used with --along t,z yet. Leave it out.")
    if job.refine:
        raise UserError("--refine cannot be used with --along t,z yet. Leave it out.")
    if job.divisions is not DivisionMode.OFF:
        raise UserError(
            "--divisions works on planes along t, not on volumes. Leave it out, and prompt each "
            "daughter at the time point where it appears."
        )


def check_series_call(frames: tuple[int, int] | None, *, refine: bool) -> None:
    """Check that a call on a series of volumes has no option of runs along one axis.

    Raises
    ------
    UserError
        Names the option, and what to do instead.
    """
    if frames is not None:
        raise UserError("frames counts along one axis, so leave it out with along='t,z'.")
    if refine:
        raise UserError(
            "refine=True cannot be used with along='t,z'. Leave it out, and refine the volumes of "
            "single time points: session.volumes()[t].refine_track()."
        )


def read_series_prompts(job: SegmentationJob, stack: Stack) -> SeriesPrompts:
    """Return the prompts of a job on a series of volumes.

    Raises
    ------
    UserError
        If the file cannot be read, or its prompts do not fit the images.
    """
    return load_series_prompts(
        job.prompts, stack, labels_as=job.labels_as, labels_axes=job.labels_axes
    )


def series_facts(stack: Stack) -> dict[str, Any]:
    """Return what decides the results of a run beside the facts of other runs, as JSON values."""
    last = [length - 1 for length in stack.label_shape[:-2]]
    return {"along": TIME_AND_DEPTH, "planes": [[0, 0], last]}
