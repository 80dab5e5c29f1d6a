"""Everything about a segmentation that can be wrong, checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from napari_sam2.calibration import Calibration
from napari_sam2.cli.options import SegmentOptions
from napari_sam2.cli.parsing import parse_contrast, parse_range
from napari_sam2.errors import UserError
from napari_sam2.fingerprint import Fingerprint
from napari_sam2.intensity import Intensity, choose_intensity
from napari_sam2.output_paths import Output, OutputKind, check_disk
from napari_sam2.plan import PropagationRequest, Ways
from napari_sam2.predictor_protocol import Predictor
from napari_sam2.prompt_io import axis_of, load_prompts
from napari_sam2.prompt_labels import LabelsAs
from napari_sam2.prompt_store import PromptStore
from napari_sam2.run_folder import ModelIdentity, RunDescription, RunFolder, check_same_run
from napari_sam2.session_settings import SessionSettings
from napari_sam2.stack import Stack, open_stack
from napari_sam2.views import ViewPolicy

_CACHE_OF_1024 = 2**26


@dataclass(frozen=True)
class Job:
    """A segmentation that can begin.

    Parameters
    ----------
    stack : Stack
        The input.
    prompts : PromptStore
        What is asked.
    intensity : Intensity
        What the model sees of raw values.
    predictor : Predictor
        The model.
    request : PropagationRequest
        Which ways and frames.
    settings : SessionSettings
        Choices that change results.
    output : Output
        Where labels go.
    description : RunDescription
        All that decides the results.
    scores : Path or None
        Where scores go.
    goes_on : bool
        Whether an earlier run is gone on with.
    overwrite : bool
        Whether earlier output is removed first.
    refine : bool
        Whether every mask gets a second, closer look.
    """

    stack: Stack
    prompts: PromptStore
    intensity: Intensity
    predictor: Predictor
    request: PropagationRequest
    settings: SessionSettings
    output: Output
    description: RunDescription
    scores: Path | None
    goes_on: bool
    overwrite: bool
    refine: bool


def prepare(options: SegmentOptions) -> Job:
    """Check all that was given; nothing is written.

    Raises
    ------
    UserError, SAM2Error
        If anything cannot be used; the message says what and what to do.
    StackReadError
        If what is sampled of the input cannot be read.
    """
    from napari_sam2.predictor import load_predictor

    output = Output.parse(options.output)
    _check_choices(options, output)
    view = ViewPolicy.parse(options.view)
    stack = _open(options)
    frames = parse_range(options.frames, stack.n_frames)
    prompts = load_prompts(
        options.prompts, stack, labels_as=LabelsAs(options.labels_as), frames=frames
    )
    _check_places(options, output, stack, frames)
    intensity = choose_intensity(stack, parse_contrast(options.contrast), options.window)
    request = PropagationRequest(direction=Ways(options.direction), frames=frames)
    predictor = load_predictor(options.model, options.device)
    info = predictor.info
    settings = SessionSettings(view=view, cache_bytes=_cache_bytes(info.image_size))
    description = RunDescription(
        prompts=prompts.snapshot(),
        model=ModelIdentity(info.name, info.weights_hash, info.trained),
        input=Fingerprint.of(stack),
        settings=_facts(stack, intensity, request, settings)
        | ({"refine": True} if options.refine else {}),
        shape=stack.shape,
    )
    goes_on = options.resume and _check_resume(output, description)
    return Job(
        stack=stack,
        prompts=prompts,
        intensity=intensity,
        predictor=predictor,
        request=request,
        settings=settings,
        output=output,
        description=description,
        scores=options.scores,
        goes_on=goes_on,
        overwrite=options.overwrite,
        refine=options.refine,
    )


def _open(options: SegmentOptions) -> Stack:
    if not options.prompts.exists():
        raise UserError(f"There is no prompt file {options.prompts}.")
    asked = axis_of(options.prompts)
    if None not in (asked, options.along) and asked != options.along:
        raise UserError(
            f"The prompts count frames along {asked}, but --along is {options.along}: "
            "leave it out, or give the prompts' axis."
        )
    return open_stack(
        options.source,
        axes=options.axes,
        along=options.along or asked,
        at=options.at,
        channels=options.channels,
    )


def _check_choices(options: SegmentOptions, output: Output) -> None:
    if options.resume and options.overwrite:
        raise UserError("Give --resume or --overwrite, not both.")
    if options.overwrite:
        output.check_removable()
    elif not (options.resume and RunFolder.exists(output.run_folder)):
        _check_free(output)


def _check_free(output: Output) -> None:
    """Refuse to write over anything, but a folder of a run that was never begun."""
    folder = output.run_folder
    unbegun = folder.is_dir() and not RunFolder.exists(folder)
    if not (unbegun and output.existing() == (folder,)):
        output.check_free()


def _check_places(
    options: SegmentOptions, output: Output, stack: Stack, frames: tuple[int, int] | None
) -> None:
    output.check_apart([*stack.source.files, options.prompts])
    if output.kind is OutputKind.OME_ZARR:
        Calibration.of(stack).check_ngff()
    if options.scores is not None:
        _check_scores(options, options.scores, stack)
    first, stop = frames or (0, stack.n_frames)
    check_disk(output, stack, stop - first, prod(stack.full_shape) * stack.dtype.itemsize)


def _check_scores(options: SegmentOptions, scores: Path, stack: Stack) -> None:
    inputs = [path.resolve() for path in (*stack.source.files, options.prompts)]
    if scores.resolve() in inputs:
        raise UserError(f"The scores would replace the input {scores}: choose another name.")
    if scores.is_dir():
        raise UserError(f"{scores} is a folder: give a file for the scores.")
    if not scores.absolute().parent.is_dir():
        raise UserError(f"There is no folder {scores.parent} for the scores.")
    if scores.exists() and not (options.overwrite or options.resume):
        raise UserError(f"{scores} exists: choose another file, or --overwrite it.")


def _check_resume(output: Output, description: RunDescription) -> bool:
    """Whether there is a run to go on with, which must be the same."""
    if not RunFolder.exists(output.run_folder):
        return False
    check_same_run(output.run_folder, description)
    return True


def _cache_bytes(image_size: int) -> int:
    """Return room for a few frames: a run passes each once, and needs none that has gone by."""
    return max(2**24, _CACHE_OF_1024 * image_size**2 // 1024**2)


def _facts(
    stack: Stack, intensity: Intensity, request: PropagationRequest, settings: SessionSettings
) -> dict[str, Any]:
    return {
        "along": stack.along,
        "planes": [list(stack.index(0)), list(stack.index(stack.n_frames - 1))],
        "channels": list(stack.layout.channels),
        "contrast": [list(pair) for pair in intensity.limits],
        "direction": request.direction.value,
        "range": request.frames,
        "view": str(settings.view),
        "group_size": settings.group_size,
    }
