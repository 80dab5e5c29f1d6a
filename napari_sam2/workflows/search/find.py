"""Find candidates for objects on one plane of an image, from files to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.candidates.candidate import Candidate, CandidateSource
from napari_sam2.candidates.examples import Examples
from napari_sam2.candidates.target import EVERYTHING, SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.export.candidates import check_candidate_output, write_candidate_labels
from napari_sam2.export.labels import output_notes
from napari_sam2.images.input_files import input_paths
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.inference.model_catalog import AUTO_DTYPE, predictor_of
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.json_format import write_prompts_json
from napari_sam2.prompts.store import PromptStore
from napari_sam2.workflows.image_job import ImageJob
from napari_sam2.workflows.model_summary import label_note, model_summary
from napari_sam2.workflows.reporter import RecordingReporter, Reporter
from napari_sam2.workflows.search.plane_search import PlaneSearch, check_search_options

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import ModelInfo


@dataclass(frozen=True, kw_only=True)
class FindJob(ImageJob):
    """One search for candidates, as the command ``find`` runs it.

    The output are prompts with masks and scores if its file ends in .json, otherwise labels in one
    of the formats of :class:`OutputDestination`. The prompts are masks, or labels, of the examples
    of a search by example.

    Parameters
    ----------
    source, output, prompts, model, device, dtype, input_size, axes, along, at, channels, scene
        See :class:`napari_sam2.workflows.image_job.ImageJob`.
    contrast, window, text_model, limits, diameter, overwrite
        See :class:`napari_sam2.workflows.image_job.ImageJob`.
    find : SearchTarget
        What is searched for.
    frame : int
        Position along the propagated axis.
    """

    find: SearchTarget = EVERYTHING
    frame: int = 0


@dataclass(frozen=True)
class FindOutcome:
    """Result of :func:`find_candidates`.

    Parameters
    ----------
    candidates : tuple of Candidate
        The candidates, best first; their ids in the output are 1, 2, ...
    output : Path
        The file written.
    model : ModelInfo
        The model that was used.
    messages : tuple of str
        All messages that were reported.
    """

    candidates: tuple[Candidate, ...]
    output: Path
    model: ModelInfo
    messages: tuple[str, ...]


def find_candidates(job: FindJob, reporter: Reporter | None = None) -> FindOutcome:
    """Find candidates on one plane, and write them.

    Parameters
    ----------
    job : FindJob
        What to find.
    reporter : Reporter or None
        Receives messages and progress; None discards them.

    Raises
    ------
    UserError
        If an input, an option or the output cannot be used; nothing has been written then.
    SAM2Error
        If the model or the device is not available.
    """
    check_search_options(job, job.find)
    _check_prompts(job)
    recorder = RecordingReporter(reporter)
    stack = _open(job)
    inputs = input_paths(job.source, stack.source)
    if job.prompts is not None:
        inputs = (*inputs, job.prompts)
    output = check_candidate_output(job.output, inputs, job.overwrite)
    examples = (
        None
        if job.prompts is None
        else Examples.of(job.find, load_prompts(job.prompts, stack), stack.index)
    )
    intensity = choose_intensity(stack, job.contrast, job.window)
    predictor = predictor_of(job.model, job.device, job.dtype or AUTO_DTYPE, job.input_size)
    notes = () if output is None else output_notes(output, stack)
    summary = model_summary(predictor.info)
    for text in (*stack.notes, *intensity.notes, *notes, summary):
        recorder.message(text)
    search = PlaneSearch(job, job.find, stack, intensity, predictor, examples)
    candidates = search.find(job.frame, recorder)
    _check_found(job, candidates)
    if output is None:
        _write_prompts(job, stack, candidates)
    else:
        note = label_note(predictor.info)
        write_candidate_labels(output, stack, job.frame, candidates, note, job.overwrite)
    return FindOutcome(tuple(candidates), job.output, predictor.info, tuple(recorder.messages))


def _check_prompts(job: FindJob) -> None:
    if job.prompts is not None and job.find.source is not CandidateSource.EXAMPLE:
        raise UserError("--prompts has no effect without examples. Add --find like:ID.")


def _open(job: FindJob) -> Stack:
    stack = job.open_stack()
    if not 0 <= job.frame < stack.n_frames:
        raise UserError(
            f"There is no frame {job.frame}: the stack has {stack.n_frames} along {stack.along}, "
            "counted from 0."
        )
    return stack


def _check_found(job: FindJob, candidates: Sequence[Candidate]) -> None:
    """Raise UserError if nothing fits what was asked for; a plane may hold nothing at all."""
    if not candidates and job.find.source is not CandidateSource.EVERYTHING:
        raise UserError(
            f"Nothing on frame {job.frame} fits {job.find}. Nothing was written. Lower "
            "--min-score, search another frame, or use other words or examples."
        )


def add_candidates(
    store: PromptStore, frame: int, candidates: Sequence[Candidate]
) -> tuple[int, ...]:
    """Add the masks of candidates as prompts of new objects; return their ids, above all others."""
    first = max(store.objects(), default=0) + 1
    for number, candidate in enumerate(candidates, first):
        store.add(candidate.prompt(number, frame))
    return tuple(range(first, first + len(candidates)))


def _write_prompts(job: FindJob, stack: Stack, candidates: Sequence[Candidate]) -> None:
    position = tuple((axis.lower(), place) for axis, place in stack.layout.fixed)
    store = PromptStore(axis=stack.along, position=position)
    add_candidates(store, job.frame, candidates)
    write_prompts_json(job.output, store, stack.shape, scores=_scores(candidates))


def _scores(candidates: Sequence[Candidate]) -> Mapping[int, float]:
    return {number: round(c.score, 4) for number, c in enumerate(candidates, 1)}
