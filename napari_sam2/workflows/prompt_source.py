"""The prompts of a segmentation job: read from a file, found on the first frame, or resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.candidates.candidate import CandidateSource
from napari_sam2.candidates.target import EVERYTHING
from napari_sam2.core.errors import UserError
from napari_sam2.prompts.io import check_points_inside, load_prompts, prompt_axis
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.storage.run_folder import RunFolder, describe_run
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.find import candidate_prompts, check_search_options, search_plane

if TYPE_CHECKING:
    from napari_sam2.export.destination import OutputDestination
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.workflows.job import SegmentationJob
    from napari_sam2.workflows.reporter import Reporter


MOST_OBJECTS = 1000
"""Largest number of objects that a run finds unless ``max_objects`` allows more."""


def most_objects(job: SegmentationJob) -> int:
    """Return the largest number of objects that a job may find."""
    return job.limits.max_objects or MOST_OBJECTS


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
    _check_find_every(job)
    if job.prompts is None:
        return None
    if not job.prompts.exists():
        raise UserError(f"There is no prompt file {job.prompts}. Check the path.")
    return prompt_axis(job.prompts)


def _check_find_every(job: SegmentationJob) -> None:
    every = job.find_every
    if every is None:
        return
    if job.find is None:
        raise UserError("--find-every repeats a search. Add --find everything or text:PHRASE.")
    if every < 1:
        raise UserError(f"--find-every is {every}. Give a number of frames, at least 1.")
    if job.direction is PropagationDirection.BACKWARD:
        raise UserError(
            "--find-every searches after the first frame, but --direction is backward. Leave "
            "--direction out."
        )
    if not job.exclusion:
        raise UserError(
            "--find-every needs exclusion: new objects are tracked back until they meet another "
            "object. Leave --no-exclusion out."
        )


def search_frames(job: SegmentationJob, frames: tuple[int, int]) -> range:
    """Return the frames after the first that are searched for newcomers.

    Parameters
    ----------
    job : SegmentationJob
        What to segment.
    frames : (int, int)
        Half-open range of the run.

    Raises
    ------
    UserError
        If the range is too short for a second search.
    """
    if job.find_every is None:
        return range(0)
    first, stop = frames
    found = range(first + job.find_every, stop, job.find_every)
    if not found:
        count = "1 frame" if stop - first == 1 else f"{stop - first} frames"
        raise UserError(
            f"--find-every {job.find_every} searches no frame after the first: the run has "
            f"{count}. Give a smaller number, or leave it out."
        )
    return found


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
        If nothing is found, or more than a run takes without a limit.
    """
    if job.resume and RunFolder.exists(output.run_folder):
        (before,) = describe_run(output.run_folder).prompts
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
    if count > most_objects(job):
        raise UserError(
            f"{count} objects were found on frame {frame}, more than {MOST_OBJECTS}. Give "
            f"--max-objects {count} to track all of them, a smaller number to track the best, or "
            "a higher --min-score or --min-size."
        )
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
        **({} if job.find_every is None else {"find_every": job.find_every}),
        "min_score": limits.min_score,
        "min_area": limits.min_area,
        "max_area": None if limits.max_area == float("inf") else limits.max_area,
        "max_objects": limits.max_objects,
        "diameter": job.diameter,
    }
