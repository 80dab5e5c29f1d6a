"""The prompts of a segmentation job: read from a file, found on the first frame, or resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.candidates.candidate import CandidateSource
from napari_sam2.candidates.target import EVERYTHING
from napari_sam2.core.errors import UserError
from napari_sam2.prompts.io import check_points_inside, load_prompts, prompt_axis
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.storage.run_folder import RunFolder, describe_run
from napari_sam2.workflows.find import candidate_prompts, check_search_options, search_plane

if TYPE_CHECKING:
    from napari_sam2.export.destination import OutputDestination
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.workflows.job import SegmentationJob
    from napari_sam2.workflows.reporter import Reporter


def check_prompt_source(job: SegmentationJob) -> str | None:
    """Return the axis that the prompts of a job name; None if they name none.

    Raises
    ------
    UserError
        If there are no prompts, two kinds of them, or the file is missing.
    """
    if (job.prompts is None) == (job.find is None):
        raise UserError(
            "Give --prompts FILE or --find everything or text:PHRASE: one of them is needed."
        )
    if job.find is not None and job.find.source is CandidateSource.EXAMPLE:
        raise UserError(
            "segment does not search by example. Run find with --find like:ID --prompts FILE, and "
            "give its output to segment --prompts."
        )
    check_search_options(job.find or EVERYTHING, job.text_model, job.diameter)
    if job.prompts is None:
        return None
    if not job.prompts.exists():
        raise UserError(f"There is no prompt file {job.prompts}. Check the path.")
    return prompt_axis(job.prompts)


def read_prompts(
    job: SegmentationJob, stack: Stack, frames: tuple[int, int] | None
) -> PromptStore | None:
    """Return the prompts of the file of a job; None if they are searched for.

    Raises
    ------
    UserError
        If the file cannot be read, or its prompts do not fit the stack.
    """
    if job.prompts is None:
        return None
    prompts = load_prompts(
        job.prompts, stack, labels_as=job.labels_as, labels_axes=job.labels_axes, frames=frames
    )
    check_points_inside(prompts)
    return prompts


def find_prompts(
    job: SegmentationJob,
    output: OutputDestination,
    stack: Stack,
    frame: int,
    intensity: Intensity,
    predictor: Predictor,
    reporter: Reporter,
) -> PromptStore:
    """Return what is found on a frame as prompts; a run that is resumed keeps what it found.

    Raises
    ------
    UserError
        If nothing is found.
    """
    if job.resume and RunFolder.exists(output.run_folder):
        before = describe_run(output.run_folder).prompts
        prompts = PromptStore(axis=stack.along)
        prompts.restore(before)
        return prompts
    candidates = search_plane(
        stack,
        frame,
        intensity,
        predictor,
        find=job.find or EVERYTHING,
        text_model=job.text_model,
        limits=job.limits,
        diameter=job.diameter,
        reporter=reporter,
    )
    if not candidates:
        raise UserError(
            f"Nothing was found on frame {frame}. Lower --min-score, search for something "
            "else, give another --min-size or --max-size, or start the --range at a frame with "
            "objects."
        )
    count = len(candidates)
    found = "1 object" if count == 1 else f"{count} objects"
    reporter.message(f"{found} found on frame {frame}.")
    return candidate_prompts(stack, frame, candidates)


def search_facts(job: SegmentationJob) -> dict[str, Any]:
    """Return how prompts are searched for, as JSON values; empty if they are read from a file."""
    if job.find is None:
        return {}
    limits = job.limits
    by_text = job.find.source is CandidateSource.TEXT
    return {
        **({"text_model": job.text_model} if by_text else {}),
        "find": str(job.find),
        "min_score": limits.min_score,
        "min_area": limits.min_area,
        "max_area": None if limits.max_area == float("inf") else limits.max_area,
        "max_objects": limits.max_objects,
        "diameter": job.diameter,
    }
