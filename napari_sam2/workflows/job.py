"""Everything about a segmentation that can be wrong, checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from napari_sam2.cli.parsing import parse_contrast, parse_range
from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination, OutputKind, check_disk
from napari_sam2.export.ngff import check_axis_order
from napari_sam2.images.intensity import Intensity, choose_intensity
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.protocol import Predictor
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.io import load_prompts, prompt_axis
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.fingerprint import Fingerprint
from napari_sam2.session.run_folder import ModelIdentity, RunDescription, RunFolder, check_same_run
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest

_CACHE_OF_1024 = 2**26


@dataclass(frozen=True)
class SegmentationJob:
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
    output : OutputDestination
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
    output: OutputDestination
    description: RunDescription
    scores: Path | None
    goes_on: bool
    overwrite: bool
    refine: bool


def prepare(options: SegmentOptions) -> SegmentationJob:
    """Check all that was given; nothing is written.

    Raises
    ------
    UserError, SAM2Error
        If anything cannot be used; the message says what and what to do.
    StackReadError
        If what is sampled of the input cannot be read.
    """
    from napari_sam2.inference.sam2_predictor import load_predictor

    output = OutputDestination.parse(options.output)
    _check_choices(options, output)
    view = ViewPolicy.parse(options.view)
    stack = _open(options)
    frames = parse_range(options.frames, stack.n_frames)
    prompts = load_prompts(
        options.prompts, stack, labels_as=LabelPromptKind(options.labels_as), frames=frames
    )
    _check_places(options, output, stack, frames)
    intensity = choose_intensity(stack, parse_contrast(options.contrast), options.window)
    request = PropagationRequest(direction=PropagationDirection(options.direction), frames=frames)
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
    return SegmentationJob(
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
    asked = prompt_axis(options.prompts)
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


def _check_choices(options: SegmentOptions, output: OutputDestination) -> None:
    if options.resume and options.overwrite:
        raise UserError("Give --resume or --overwrite, not both.")
    if options.overwrite:
        output.check_removable()
    elif not (options.resume and RunFolder.exists(output.run_folder)):
        _check_free(output)


def _check_free(output: OutputDestination) -> None:
    """Refuse to write over anything, but a folder of a run that was never begun."""
    folder = output.run_folder
    unbegun = folder.is_dir() and not RunFolder.exists(folder)
    if not (unbegun and output.existing() == (folder,)):
        output.check_free()


def _check_places(
    options: SegmentOptions, output: OutputDestination, stack: Stack, frames: tuple[int, int] | None
) -> None:
    output.check_apart([*stack.source.files, options.prompts])
    if output.kind is OutputKind.OME_ZARR:
        check_axis_order(stack.label_axes)
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


def _check_resume(output: OutputDestination, description: RunDescription) -> bool:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentOptions:
    """The options of the command, as they were given; see its help.

    Parameters
    ----------
    source : str
        File, folder or URL.
    prompts, output, scores : Path
        Files and folders.
    model, device, axes, along, contrast, window, direction, frames, view, labels_as : str
        Words.
    at : tuple of str
        Fixed positions, e.g. ``"z=3"``.
    channels : tuple of int or None
        Channels that are used; None for all.
    refine : bool
        Whether every mask gets a second, closer look.
    resume, overwrite : bool
        What to do about earlier output.
    """

    source: str
    prompts: Path
    output: Path
    model: str = "auto"
    device: str = "auto"
    axes: str | None = None
    along: str | None = None
    at: tuple[str, ...] = ()
    channels: tuple[int, ...] | None = None
    contrast: str | None = None
    window: str | None = None
    direction: str = "both"
    frames: str | None = None
    view: str = "auto"
    refine: bool = False
    labels_as: str = "mask"
    scores: Path | None = None
    resume: bool = False
    overwrite: bool = False
