"""Find candidates for objects on one plane of an image, from files to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.candidates.by_example import ExampleSearch
from napari_sam2.candidates.candidate import Candidate, CandidateLimits, CandidateSource
from napari_sam2.candidates.everything import EverythingSearch
from napari_sam2.candidates.examples import Examples
from napari_sam2.candidates.search import CandidateSearch, make_search
from napari_sam2.candidates.target import EVERYTHING, SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.export.candidates import check_candidate_output, write_candidate_labels
from napari_sam2.export.labels import output_notes
from napari_sam2.images.input_files import input_paths
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.model_catalog import (
    AUTO_DEVICE,
    AUTO_DTYPE,
    AUTO_MODEL,
    predictor_of,
)
from napari_sam2.inference.text.catalog import DEFAULT_TEXT_MODEL
from napari_sam2.inference.text_detector import load_text_detector
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.json_format import write_prompts_json
from napari_sam2.prompts.store import PromptStore
from napari_sam2.workflows.model_summary import label_note, model_summary
from napari_sam2.workflows.reporter import NullReporter, RecordingReporter, Reporter

if TYPE_CHECKING:
    from napari_sam2.core.geometry import PlaneIndex
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import ModelInfo, Predictor
    from napari_sam2.inference.text_detector import TextDetector
    from napari_sam2.masks.mask import MaskCrop


@dataclass(frozen=True, kw_only=True)
class FindJob:
    """One search for candidates, as the command ``find`` runs it.

    Parameters
    ----------
    source, model, device, dtype, input_size, axes, along, at, channels, scene, contrast, window
        As in :class:`napari_sam2.workflows.job.SegmentationJob`.
    output : Path
        Candidates to write: prompts with masks and scores if it ends in .json, otherwise labels
        in one of the formats of :class:`OutputDestination`.
    find : SearchTarget
        What is searched for.
    text_model : str
        What finds boxes by text, see
        :func:`napari_sam2.inference.text_detector.load_text_detector`.
    prompts : Path or None
        Prompts with masks, or labels, of the examples of a search by example.
    frame : int
        Position along the propagated axis.
    limits : CandidateLimits
        Which candidates are kept.
    diameter : float or None
        Expected diameter of the objects in pixels; None measures it.
    overwrite : bool
        Replace an earlier output.
    """

    source: str | Path | Sequence[str | Path]
    output: Path
    find: SearchTarget = EVERYTHING
    text_model: str = DEFAULT_TEXT_MODEL
    prompts: Path | None = None
    frame: int = 0
    model: str | Path = AUTO_MODEL
    device: str = AUTO_DEVICE
    dtype: str = AUTO_DTYPE
    input_size: int | None = None
    axes: str | None = None
    along: str | None = None
    at: Sequence[str] = ()
    channels: Sequence[int] | None = None
    scene: str | int | None = None
    contrast: tuple[float, float] | None = None
    window: str | None = None
    limits: CandidateLimits = field(default_factory=CandidateLimits)
    diameter: float | None = None
    overwrite: bool = False


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
    check_search_options(job.find, job.text_model, job.diameter)
    _check_examples(job)
    recorder = RecordingReporter(reporter)
    stack = _open(job)
    inputs = input_paths(job.source, stack.source)
    if job.prompts is not None:
        inputs = (*inputs, job.prompts)
    output = check_candidate_output(job.output, inputs, job.overwrite)
    examples = (
        None if job.prompts is None else Examples.of(job.find, load_prompts(job.prompts, stack))
    )
    intensity = choose_intensity(stack, job.contrast, job.window)
    predictor = predictor_of(job.model, job.device, job.dtype, job.input_size)
    notes = () if output is None else output_notes(output, stack)
    summary = model_summary(predictor.info)
    for text in (*stack.notes, *intensity.notes, *notes, summary):
        recorder.message(text)
    candidates = search_plane(
        stack,
        job.frame,
        intensity,
        predictor,
        find=job.find,
        text_model=job.text_model,
        examples=examples,
        limits=job.limits,
        diameter=job.diameter,
        reporter=recorder,
    )
    _check_found(job, candidates)
    if output is None:
        _write_prompts(job, stack, candidates)
    else:
        note = label_note(predictor.info)
        write_candidate_labels(output, stack, job.frame, candidates, note, job.overwrite)
    return FindOutcome(tuple(candidates), job.output, predictor.info, tuple(recorder.messages))


def check_search_options(target: SearchTarget, text_model: str, diameter: float | None) -> None:
    """Raise UserError if an option has no effect on what is searched for."""
    by_text = target.source is CandidateSource.TEXT
    if by_text and diameter is not None:
        raise UserError("--diameter has no effect on a search by text. Leave it out.")
    if not by_text and text_model != DEFAULT_TEXT_MODEL:
        raise UserError("--text-model has no effect without a phrase. Add --find text:PHRASE.")


def _check_examples(job: FindJob) -> None:
    by_example = job.find.source is CandidateSource.EXAMPLE
    if by_example and job.prompts is None:
        raise UserError("A search by example needs the masks of the examples: add --prompts FILE.")
    if not by_example and job.prompts is not None:
        raise UserError("--prompts has no effect without examples. Add --find like:ID.")


def _open(job: FindJob) -> Stack:
    stack = open_stack(
        job.source,
        axes=job.axes,
        along=job.along,
        at=job.at,
        channels=job.channels,
        scene=job.scene,
    )
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


def search_plane(
    stack: Stack,
    frame: int,
    intensity: Intensity,
    predictor: Predictor,
    *,
    find: SearchTarget = EVERYTHING,
    text_model: str | TextDetector = DEFAULT_TEXT_MODEL,
    examples: Examples | None = None,
    limits: CandidateLimits,
    diameter: float | None = None,
    occupied: Sequence[MaskCrop] = (),
    reporter: Reporter | None = None,
) -> list[Candidate]:
    """Return candidates on one frame of a stack, best first.

    Parameters
    ----------
    stack : Stack
        The images.
    frame : int
        Position along the propagated axis.
    intensity : Intensity
        Contrast of the images shown to the model.
    predictor : Predictor
        The model.
    find : SearchTarget
        What is searched for.
    text_model : str or TextDetector
        What finds boxes by text; a name or folder is loaded.
    examples : Examples or None
        What is searched for by example.
    limits : CandidateLimits
        Which candidates are kept.
    diameter : float or None
        Expected diameter of the objects in pixels; None measures it.
    occupied : sequence of MaskCrop
        Masks of objects that exist already: a candidate that they explain is left out, see
        :func:`napari_sam2.candidates.selection.select_disjoint`.
    reporter : Reporter or None
        Receives the progress; None discards it.

    Raises
    ------
    UserError
        If the text model cannot be loaded.
    """
    encoder = ViewEncoder(stack, intensity, predictor, FeatureCache(0))
    placement = _placement(encoder)
    load = partial(_detector, text_model, predictor.info.device)
    search: CandidateSearch = (
        make_search(find, encoder, placement, limits, load_detector=load, diameter=diameter)
        if examples is None
        else ExampleSearch(
            EverythingSearch(encoder, placement, limits, diameter), examples, stack.index
        )
    )
    return _find(search, stack.index(frame), occupied, reporter or NullReporter())


def _placement(encoder: ViewEncoder) -> ViewPlacement:
    info = encoder.predictor.info
    return ViewPlacement(
        encoder.shape, encoder.levels, info.image_size, info.token_stride, ViewPolicy()
    )


def _find(
    search: CandidateSearch,
    index: PlaneIndex,
    occupied: Sequence[MaskCrop],
    reporter: Reporter,
) -> list[Candidate]:
    with reporter.running():
        return search.find(
            index, lambda done, total: reporter.progress("Searching", done, total), occupied
        )


def _detector(text_model: str | TextDetector, device: str) -> TextDetector:
    return load_text_detector(text_model, device) if isinstance(text_model, str) else text_model


def candidate_prompts(stack: Stack, frame: int, candidates: Sequence[Candidate]) -> PromptStore:
    """Return the masks of candidates as prompts of objects 1, 2, ..."""
    store = PromptStore(axis=stack.along)
    add_candidates(store, frame, candidates)
    return store


def add_candidates(
    store: PromptStore, frame: int, candidates: Sequence[Candidate]
) -> tuple[int, ...]:
    """Add the masks of candidates as prompts of new objects; return their ids, above all others."""
    first = max(store.objects(), default=0) + 1
    for number, candidate in enumerate(candidates, first):
        store.add(candidate.prompt(number, frame))
    return tuple(range(first, first + len(candidates)))


def _write_prompts(job: FindJob, stack: Stack, candidates: Sequence[Candidate]) -> None:
    store = candidate_prompts(stack, job.frame, candidates)
    write_prompts_json(job.output, store, stack.shape, scores=_scores(candidates))


def _scores(candidates: Sequence[Candidate]) -> Mapping[int, float]:
    return {number: round(c.score, 4) for number, c in enumerate(candidates, 1)}
