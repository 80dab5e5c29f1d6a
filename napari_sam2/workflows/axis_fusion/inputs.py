"""Options of a job along several axes of a volume, checked before anything is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.interpolation import spacing_ratio
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.tracking.axis_fusion.plan import (
    MAX_FACTOR,
    MIN_RATIO,
    FusionPlan,
    planes_per_slice,
    rows_per_slice,
)
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.tracking.divisions import DivisionMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_sam2.workflows.job import SegmentationJob

THREE_AXES = "z,y,x"
"""The axes of a job that follows objects along all axes of a volume."""


def check_fusion_options(job: SegmentationJob) -> None:
    """Check that a job on several axes or interpolated planes has no option that it ignores.

    Raises
    ------
    UserError
        Names the option, and what to do instead.
    """
    mode = f"--along {THREE_AXES}" if job.along == THREE_AXES else "--interpolate"
    refused = {
        "--range": job.frames is not None,
        "--refine": job.refine,
        "--find-every": job.find_every is not None,
        "--divisions": job.divisions is not DivisionMode.OFF,
    }
    for option, given in refused.items():
        if given:
            raise UserError(f"{option} cannot be used with {mode}. Leave one of them out.")
    if job.along == THREE_AXES and job.direction is not PropagationDirection.BOTH:
        raise UserError(
            f"--direction {job.direction.value} cannot be used with {mode}: planes along y and x "
            "cross all slices. Leave it out, or use --along z."
        )


def open_volume(job: SegmentationJob, prompt_axis: str | None) -> Stack:
    """Open the volume of a job along all its axes, with frames along z.

    Parameters
    ----------
    job : SegmentationJob
        The job.
    prompt_axis : str or None
        The axis along which the prompts count frames, if they name it.

    Raises
    ------
    UserError
        If the image lacks z, y or x, or the prompts count frames along another axis.
    """
    if prompt_axis not in (None, "z"):
        raise UserError(
            f"The prompts count frames along {prompt_axis}, but --along {THREE_AXES} needs prompts "
            f"on planes along z. Use --along {prompt_axis}, or prompts along z."
        )
    options = dict[str, Any](axes=job.axes, channels=job.channels, scene=job.scene)
    named = open_stack(job.source, **options)
    if "Z" not in named.label_axes or len(named.label_axes) < 3:
        raise UserError(
            f"--along {THREE_AXES} needs a volume, but {named.name} has the axes {named.axes}. "
            "Leave --along out, or name the axes of the images with --axes."
        )
    return open_stack(job.source, **options, along="z", at=job.at)


def fusion_plan(job: SegmentationJob, stack: Stack) -> FusionPlan | None:
    """Return how a job follows objects along several axes or interpolated planes.

    None for a job along one axis without interpolated planes.

    Raises
    ------
    UserError
        If an option cannot be used, or the distance of the slices is needed and not known.
    """
    if job.along != THREE_AXES and job.interpolate is None:
        return None
    check_fusion_options(job)
    if stack.along != "z" or "Z" not in stack.axes:
        raise UserError(
            f"--interpolate adds planes between slices along z, but the frames of {stack.name} "
            f"lie along {stack.along}. Use --along z, or leave it out."
        )
    ratio = spacing_ratio(stack.calibration)
    axes = tuple(THREE_AXES.split(",")) if job.along == THREE_AXES else ("z",)
    return FusionPlan(axes, _planes_per_slice(job, ratio), rows_per_slice(ratio))


def _planes_per_slice(job: SegmentationJob, ratio: float | None) -> int:
    if job.interpolate is None:
        return 1
    if job.interpolate.number is None:
        return planes_per_slice(ratio)
    return job.interpolate.number + 1


def spacing_notes(plan: FusionPlan, stack: Stack, interpolate: bool) -> Iterator[str]:
    """Yield what is assumed about the distance of the slices.

    Parameters
    ----------
    plan : FusionPlan
        The axes, and how planes are interpolated.
    stack : Stack
        The volume.
    interpolate : bool
        Whether interpolated planes were asked for.
    """
    ratio, several = spacing_ratio(stack.calibration), len(plan.axes) > 1
    if ratio is None:
        if several:
            yield (
                f"{stack.name} does not state its pixel sizes along z, y and x: voxels are taken "
                "to be cubes."
            )
        return
    apart = f"the slices are {ratio:.2g} pixels apart"
    if interpolate and plan.z_factor == 1:
        yield f"No planes are interpolated: {apart}, which is not more than {MIN_RATIO:g}."
    if several and round(ratio) > MAX_FACTOR:
        yield (
            f"Pixels of planes along y and x are not square: {apart}, but at most "
            f"{MAX_FACTOR - 1} rows are interpolated."
        )
    if several and ratio < 1 / 2:
        yield f"Pixels of planes along y and x are not square: {apart}."


def fusion_facts(plan: FusionPlan | None) -> dict[str, Any]:
    """Return what decides the results beside the facts of other runs, as JSON values."""
    if plan is None:
        return {}
    steps = {"z_factor": plan.z_factor, "row_factor": plan.row_factor}
    return {"along": ",".join(plan.axes), **steps}
