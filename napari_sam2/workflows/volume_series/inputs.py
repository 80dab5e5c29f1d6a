"""Inputs of a job on a series of volumes, checked before anything is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.prompts.volume_series.series_prompts import SeriesPrompts, load_series_prompts
from napari_sam2.workflows.tracking.divisions import DivisionMode

if TYPE_CHECKING:
    from napari_sam2.workflows.job import SegmentationJob

TIME_AND_DEPTH = "t,z"
"""The axes of a job that follows objects through a series of volumes."""


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


def open_series(job: SegmentationJob) -> Stack:
    """Open the images of a job on a series of volumes, with frames along z.

    Raises
    ------
    UserError
        If the images lack t or z, or a position on them is given.
    """
    options = dict[str, Any](axes=job.axes, channels=job.channels, scene=job.scene)
    named = open_stack(job.source, **options)
    if missing := [axis for axis in "tz" if axis.upper() not in named.label_axes]:
        other = "z" if missing == ["t"] else "t"
        advice = f"use --along {other}" if len(missing) == 1 else "leave --along out"
        raise UserError(
            f"--along t,z needs both axes, but {named.name} has the axes {named.axes} without "
            f"{' and '.join(missing)}: {advice}, or name the axes of the images with --axes."
        )
    fixed = [place for place in job.at if place.strip()[:1].lower() in ("t", "z")]
    if fixed:
        raise UserError(
            f"--along t,z follows objects along {fixed[0].strip()[0]}, so it cannot be fixed at "
            f"{fixed[0]}. Leave --at out, or run along the other axis only."
        )
    # The first time point is not a choice that the user has to know about.
    return open_stack(job.source, **options, along="z", at=(*job.at, "t=0"))


def stack_over_time(stack: Stack) -> Stack:
    """Return the middle planes of all time points, from which the contrast is chosen.

    A single volume is returned as it is.
    """
    n_times, depth = stack.label_shape[:2]
    return stack if n_times == 1 else stack.with_along("t", {"z": depth // 2})


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
