"""The prompts of a segmentation job: read from a file, found on one frame, or resumed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sam2.candidates.candidate import CandidateLimits, CandidateSource
from napari_sam2.candidates.target import EVERYTHING
from napari_sam2.core.errors import UserError
from napari_sam2.masks.label_layout import label_dtype
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.io import TEXT_SUFFIXES, check_points_inside, load_prompts, prompt_axis
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.storage.run_folder import RunFolder, describe_run
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.search.find import add_candidates
from napari_sam2.workflows.search.plane_search import check_search_options
from napari_sam2.workflows.tracking.example_objects import ExampleObjects

if TYPE_CHECKING:
    from napari_sam2.candidates.candidate import Candidate
    from napari_sam2.export.destination import OutputDestination
    from napari_sam2.images.stack import Stack
    from napari_sam2.workflows.job import SegmentationJob
    from napari_sam2.workflows.reporter import Reporter
    from napari_sam2.workflows.search.plane_search import PlaneSearch


MOST_OBJECTS = 1000
"""Largest number of objects that a run finds unless ``max_objects`` allows more."""
_MAX_LISTED = 10


def most_objects(job: SegmentationJob) -> int:
    """Return the largest number of objects that a job may have, with those that it finds."""
    return job.limits.max_objects or MOST_OBJECTS


def highest_id(job: SegmentationJob, ids: Collection[int]) -> int:
    """Return the highest id that a job which searches for objects may give, beside some ids."""
    return max(ids, default=0) + max(most_objects(job) - len(ids), 0)


def ids_to_give(job: SegmentationJob, examples: ExampleObjects | None) -> tuple[int, ...]:
    """Return the ids of examples, and the highest id of what a job finds beside them."""
    ids = () if examples is None else examples.prompts.objects()
    return (*ids, highest_id(job, ids))


def searches_by_example(job: SegmentationJob) -> bool:
    """Return whether a job searches for objects like examples among its prompts."""
    return job.find is not None and job.find.source is CandidateSource.EXAMPLE


def check_prompt_source(job: SegmentationJob) -> str | None:
    """Return the axis that the prompts of a job name; None if they name none.

    Raises
    ------
    UserError
        If there are no prompts, two kinds of them, or the file is missing.
    """
    check_search_options(job, job.find or EVERYTHING)
    if searches_by_example(job):
        _check_labels_as(job)
    elif (job.prompts is None) == (job.find is None):
        raise UserError(
            "Give --prompts FILE or --find everything or text:PHRASE: one of them is needed. Both "
            "are needed for --find like:ID."
        )
    _check_label_options(job)
    _check_find_every(job)
    _check_limits(job)
    if job.prompts is None:
        return None
    if not job.prompts.exists():
        raise UserError(f"There is no prompt file {job.prompts}. Check the path.")
    return prompt_axis(job.prompts)


def _check_labels_as(job: SegmentationJob) -> None:
    if job.labels_as is not LabelPromptKind.MASK:
        raise UserError(
            f"An example needs a mask, but --labels-as {job.labels_as.value} makes none. Leave it "
            "out."
        )


def _check_label_options(job: SegmentationJob) -> None:
    options = (
        ("--labels-as", job.labels_as is not LabelPromptKind.MASK),
        ("--labels-axes", job.labels_axes is not None),
    )
    found = [name for name, is_given in options if is_given]
    without = job.prompts is None or job.prompts.suffix.lower() in TEXT_SUFFIXES
    if found and without:
        has, them = ("have", "them") if len(found) > 1 else ("has", "it")
        raise UserError(
            f"{' and '.join(found)} {has} no effect without a label image as prompts. Leave {them} "
            "out, or give a label image as --prompts."
        )


def _check_limits(job: SegmentationJob) -> None:
    if job.find is None and (job.limits != CandidateLimits() or job.diameter is not None):
        raise UserError(
            "--min-score, --min-size, --max-size, --max-objects and --diameter are for a search, "
            "and have no effect on prompts. Leave them out, or add --find."
        )


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
    if job.prompts is None or searches_by_example(job):
        return None
    prompts = load_prompts(
        job.prompts, stack, labels_as=job.labels_as, labels_axes=job.labels_axes, frames=frames
    )
    check_points_inside(prompts)
    return prompts


def read_examples(
    job: SegmentationJob, stack: Stack, frames: tuple[int, int] | None
) -> ExampleObjects | None:
    """Return the examples of a search by example; None for jobs that do not search by example.

    Raises
    ------
    UserError
        If the file cannot be read, or its masks cannot be used; see :class:`ExampleObjects`.
    """
    if job.find is None or not searches_by_example(job):
        return None
    given = load_prompts(job.prompts, stack, labels_axes=job.labels_axes)
    examples = ExampleObjects.of(job.find, given, stack, frames)
    if job.find_every is not None:
        examples.check_first(0 if frames is None else frames[0])
    if most_objects(job) <= len(job.find.like):
        raise UserError(
            f"--max-objects {most_objects(job)} leaves no room for objects beside the examples. "
            "Give a larger number."
        )
    label_dtype(ids_to_give(job, examples))
    return examples


def find_prompts(
    job: SegmentationJob,
    output: OutputDestination,
    search: PlaneSearch,
    first: int,
    examples: ExampleObjects | None,
    reporter: Reporter,
) -> PromptStore:
    """Return what is found on a frame as prompts; a run that is resumed keeps what it found.

    Parameters
    ----------
    job : SegmentationJob
        What to segment.
    output : OutputDestination
        Where labels are written, perhaps by an earlier run.
    search : PlaneSearch
        Finds objects.
    first : int
        The first frame of the run, which is searched unless there are examples.
    examples : ExampleObjects or None
        Objects that others are compared with; they get prompts, too.
    reporter : Reporter
        Receives messages, and the progress of the search.

    Raises
    ------
    UserError
        If nothing is found, or more than a run takes without a limit.
    """
    prompts = PromptStore(axis=search.stack.along)
    if examples is not None:
        prompts.restore(examples.prompts.snapshot())
        _report(examples, reporter)
    if job.resume and RunFolder.exists(output.run_folder):
        (before,) = describe_run(output.run_folder).prompts
        prompts.restore(before)
        return prompts
    frame = first if examples is None else examples.frame
    given = len(prompts.objects())
    found = search.find(
        frame,
        reporter,
        limits=_limits(job, given),
        occupied=() if examples is None else examples.occupied,
    )
    _check_found(job, frame, found, given)
    count = "1 object" if len(found) == 1 else f"{len(found)} objects"
    beside = "" if examples is None else " beside the examples"
    reporter.message(f"{count} found on frame {frame}{beside}.")
    add_candidates(prompts, frame, found)
    return prompts


def _report(examples: ExampleObjects, reporter: Reporter) -> None:
    for note in examples.prompts.notes:
        reporter.message(note)
    if others := examples.left_out:
        more = ", ..." if len(others) > _MAX_LISTED else ""
        names = f"{', '.join(map(str, others[:_MAX_LISTED]))}{more}"
        several = len(others) > 1
        reporter.message(
            f"Object{'s' * several} {names} of the prompts {'are' if several else 'is'} left out: "
            "neither an example nor a counter-example."
        )


def _limits(job: SegmentationJob, given: int) -> CandidateLimits:
    """Return the limits of a search beside a number of objects that exist already."""
    most = job.limits.max_objects
    return job.limits if most is None else replace(job.limits, max_objects=most - given)


def _check_found(
    job: SegmentationJob, frame: int, found: Collection[Candidate], given: int
) -> None:
    if not found and given:
        raise UserError(
            f"Nothing on frame {frame} fits {job.find} beside the examples. Lower --min-score, use "
            "other examples, or leave --find out to segment the objects of the prompts only."
        )
    if not found:
        raise UserError(
            f"Nothing was found on frame {frame}. Lower --min-score, search for something "
            "else, give another --min-size or --max-size, or start the --range at a frame with "
            "objects."
        )
    count = len(found) + given
    if count > most_objects(job):
        raise UserError(
            f"{count} objects were found on frame {frame}, more than {MOST_OBJECTS}. Give "
            f"--max-objects {count} to track all of them, a smaller number to track the best, or "
            "a higher --min-score or --min-size."
        )


def search_facts(job: SegmentationJob, examples: ExampleObjects | None) -> dict[str, Any]:
    """Return how prompts are searched for, as JSON values; empty if they are read from a file."""
    if job.find is None:
        return {}
    limits = job.limits
    by_text = job.find.source is CandidateSource.TEXT
    return {
        **({"text_model": job.text_model} if by_text else {}),
        **({} if examples is None else {"examples": examples.fingerprint}),
        "find": str(job.find),
        **({} if job.find_every is None else {"find_every": job.find_every}),
        "min_score": limits.min_score,
        "min_area": limits.min_area,
        "max_area": None if limits.max_area == float("inf") else limits.max_area,
        "max_objects": limits.max_objects,
        "diameter": job.diameter,
    }
