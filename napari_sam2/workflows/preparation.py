"""Check a segmentation job and open its inputs, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.candidates.target import EVERYTHING
from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination, OutputKind, check_disk
from napari_sam2.export.png import check_png_ids
from napari_sam2.images.input_files import input_paths
from napari_sam2.images.intensity import Intensity, choose_intensity
from napari_sam2.images.stack import Stack
from napari_sam2.inference.model_catalog import AUTO_DTYPE, PredictorLoader, predictor_of
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.volume_series.series_prompts import SeriesPrompts
from napari_sam2.session.settings import DISK_CACHE_BYTES, SessionSettings
from napari_sam2.session.storage.fingerprint import Fingerprint
from napari_sam2.session.storage.run_description import ModelIdentity, RunDescription
from napari_sam2.session.storage.run_folder import (
    RunFolder,
    check_same_run,
    describe_run,
    stored_settings,
)
from napari_sam2.session.volume_series.factory import open_series, stack_over_time
from napari_sam2.tracking.plan import PropagationRequest
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.workflows.axis_fusion.inputs import (
    THREE_AXES,
    fusion_facts,
    fusion_plan,
    open_volume,
)
from napari_sam2.workflows.prompt_source import (
    check_prompt_source,
    find_prompts,
    ids_to_give,
    read_examples,
    read_prompts,
    search_facts,
    search_frames,
)
from napari_sam2.workflows.reporter import NullReporter
from napari_sam2.workflows.score_files import check_different_files, check_score_file
from napari_sam2.workflows.search.plane_search import PlaneSearch
from napari_sam2.workflows.tracking.divisions import check_divisions
from napari_sam2.workflows.volume_series.inputs import (
    check_series_options,
    read_series_prompts,
    series_facts,
)

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.tracking.axis_fusion.plan import FusionPlan
    from napari_sam2.workflows.job import SegmentationJob
    from napari_sam2.workflows.reporter import Reporter

_CACHE_BYTES_AT_1024 = 2**26
_MIN_CACHE_BYTES = 2**24


@dataclass(frozen=True)
class PreparedSegmentation:
    """A checked job with its inputs opened and its model loaded.

    Parameters
    ----------
    job : SegmentationJob
        What was asked for.
    stack : Stack
        The images.
    prompts : PromptStore or SeriesPrompts
        The prompts, with the axis of the stack; or those of a series of volumes.
    intensity : Intensity
        Contrast of the images shown to the model.
    predictor : Predictor
        The model.
    search : PlaneSearch
        Finds objects on the planes, if the job searches for any.
    request : PropagationRequest
        Directions and frames to propagate.
    settings : SessionSettings
        Settings of the session.
    output : OutputDestination
        Where labels are written.
    description : RunDescription
        Everything that decides the results; must be equal to resume a run.
    resumes : bool
        Whether there is an earlier run that is resumed.
    fusion : FusionPlan or None
        How a volume is tracked along several axes or interpolated planes; None if it is not.
    """

    job: SegmentationJob
    stack: Stack
    prompts: PromptStore | SeriesPrompts
    intensity: Intensity
    predictor: Predictor
    search: PlaneSearch
    request: PropagationRequest
    settings: SessionSettings
    output: OutputDestination
    description: RunDescription
    resumes: bool
    fusion: FusionPlan | None = None


def prepare_segmentation(
    job: SegmentationJob,
    reporter: Reporter | None = None,
    load: PredictorLoader = predictor_of,
) -> PreparedSegmentation:
    """Check a job, open its inputs, load its model and find its prompts; nothing is written.

    Parameters
    ----------
    job : SegmentationJob
        What to segment.
    reporter : Reporter or None
        Receives the progress of a search for prompts; None discards it.
    load : PredictorLoader
        Loads the model of the job.

    Raises
    ------
    UserError
        If an input, an option or the output cannot be used.
    SAM2Error
        If the model or the device is not available.
    """
    try:
        return _prepare(job, reporter or NullReporter(), load)
    except OSError as error:
        raise UserError(str(error)) from error


def _prepare(
    job: SegmentationJob, reporter: Reporter, load: PredictorLoader
) -> PreparedSegmentation:
    output = OutputDestination.parse(job.output)
    _check_existing(job, output)
    stack = _open(job)
    series = job.along == TIME_AND_DEPTH
    if series:
        check_series_options(job)
    fusion = None if series else fusion_plan(job, stack)
    frames = _resolve_frames(job.frames, stack.n_frames)
    replaces = job.overwrite or job.resume
    check_divisions(job.divisions, job.lineage, stack, replaces=replaces)
    search_frames(job, frames or (0, stack.n_frames))
    given = read_series_prompts(job, stack) if series else read_prompts(job, stack, frames)
    examples = read_examples(job, stack, frames)
    _check_destinations(job, output, stack, frames)
    if output.kind is OutputKind.PNG:
        check_png_ids(ids_to_give(job, examples) if given is None else given.objects())
    sampled = stack_over_time(stack) if series else stack
    intensity = choose_intensity(sampled, job.contrast, job.window)
    request = PropagationRequest(direction=job.direction, frames=frames)
    predictor = _load(job, output, load)
    masks = None if examples is None else examples.examples
    search = PlaneSearch(job, job.find or EVERYTHING, stack, intensity, predictor, masks)
    first = 0 if frames is None else frames[0]
    prompts = given or find_prompts(job, output, search, first, examples, reporter)
    settings = _session_settings(job, output, predictor.info.image_size)
    facts = _settings_as_json(stack, intensity, request, settings)
    facts |= series_facts(stack) if series else search_facts(job, examples) | fusion_facts(fusion)
    facts |= {"refine": True} if job.refine else {}
    facts |= {} if stack.source.scene is None else {"scene": stack.source.scene}
    description = _describe(stack, prompts, predictor, facts)
    resumes = job.resume and _check_resume(output, description)
    return PreparedSegmentation(
        job=job,
        stack=stack,
        prompts=prompts,
        intensity=intensity,
        predictor=predictor,
        search=search,
        request=request,
        settings=settings,
        output=output,
        description=description,
        resumes=resumes,
        fusion=fusion,
    )


def _load(job: SegmentationJob, output: OutputDestination, load: PredictorLoader) -> Predictor:
    """Return the model; options that were not given are those of the run to resume."""
    dtype, input_size = job.dtype, job.input_size
    if job.resume and RunFolder.exists(output.run_folder):
        before = describe_run(output.run_folder).model
        dtype, input_size = dtype or before.dtype, input_size or before.input_size
    return load(job.model, job.device, dtype or AUTO_DTYPE, input_size)


def _memory(job: SegmentationJob, output: OutputDestination) -> MemoryPolicy:
    """Return the memory policy asked for, else that of the run to resume, else the default."""
    if job.memory is not None:
        return job.memory
    if job.resume and RunFolder.exists(output.run_folder):
        return describe_run(output.run_folder).memory
    return SessionSettings().memory


def _open(job: SegmentationJob) -> Stack:
    axis = check_prompt_source(job)
    if job.along == TIME_AND_DEPTH:
        return open_series(
            job.source, axes=job.axes, at=job.at, channels=job.channels, scene=job.scene
        )
    if job.along == THREE_AXES:
        return open_volume(job, axis)
    if None not in (axis, job.along) and axis != job.along:
        raise UserError(
            f"The prompts count frames along {axis}, but --along is {job.along}. "
            "Leave --along out, or give the axis of the prompts."
        )
    return job.open_stack(axis)


def _resolve_frames(frames: tuple[int, int | None] | None, n_frames: int) -> tuple[int, int] | None:
    if frames is None:
        return None
    first, stop = frames[0], n_frames if frames[1] is None else frames[1]
    if not 0 <= first < stop:
        raise UserError(
            f"The range {first}:{stop} is empty. A range A:B includes frame A and excludes frame B."
        )
    if stop > n_frames:
        raise UserError(
            f"The range {first}:{stop} ends after the last frame: the stack has {n_frames} frames."
        )
    return first, stop


def _check_existing(job: SegmentationJob, output: OutputDestination) -> None:
    if job.resume and job.overwrite:
        raise UserError("Give --resume or --overwrite, not both.")
    if job.overwrite:
        output.check_removable()
    elif not (job.resume and RunFolder.exists(output.run_folder)):
        _check_free(output)


def _check_free(output: OutputDestination) -> None:
    """Raise if the output exists; a folder in which no run was created does not count."""
    folder = output.run_folder
    unused = folder.is_dir() and not RunFolder.exists(folder)
    if not (unused and output.existing() == (folder,)):
        output.check_free("--overwrite it, or --resume the run")


def _check_destinations(
    job: SegmentationJob, output: OutputDestination, stack: Stack, frames: tuple[int, int] | None
) -> None:
    output.check_apart(_inputs(job, stack))
    output.check_writable()
    check_different_files(job.output, {"--scores": job.scores, "--lineage": job.lineage})
    if job.scores is not None:
        replaces = job.overwrite or job.resume
        check_score_file(job.scores, _inputs(job, stack), replaces=replaces)
    first, stop = frames or (0, stack.n_frames)
    volumes = prod(stack.label_shape[:-2]) // stack.n_frames if job.along == TIME_AND_DEPTH else 1
    planes = volumes * (stop - first)
    check_disk(output, stack, planes, prod(stack.full_shape) * stack.dtype.itemsize)


def _inputs(job: SegmentationJob, stack: Stack) -> tuple[Path, ...]:
    """Return the files that a job reads."""
    prompts = () if job.prompts is None else (job.prompts,)
    return (*input_paths(job.source, stack.source), *prompts)


def _describe(
    stack: Stack,
    prompts: PromptStore | SeriesPrompts,
    predictor: Predictor,
    settings: dict[str, Any],
) -> RunDescription:
    return RunDescription(
        prompts=(
            prompts.snapshots() if isinstance(prompts, SeriesPrompts) else (prompts.snapshot(),)
        ),
        model=ModelIdentity.of(predictor.info),
        input=Fingerprint.of(stack),
        settings=settings,
        shape=stack.shape,
    )


def _check_resume(output: OutputDestination, description: RunDescription) -> bool:
    """Return whether there is a run to resume; raise if it differs from the description."""
    if not RunFolder.exists(output.run_folder):
        return False
    check_same_run(output.run_folder, description)
    return True


def _cache_bytes(job: SegmentationJob, image_size: int) -> int:
    """Return the feature cache size in bytes: a few frames, as a run needs each frame once.

    A run on a series of volumes needs planes again, for the next time point.
    """
    if job.along == TIME_AND_DEPTH:
        return SessionSettings().cache_bytes
    return max(_MIN_CACHE_BYTES, _CACHE_BYTES_AT_1024 * image_size**2 // 1024**2)


def _session_settings(
    job: SegmentationJob, output: OutputDestination, image_size: int
) -> SessionSettings:
    exclusion = job.exclusion and not (job.resume and _precedes_exclusion(output.run_folder))
    return SessionSettings(
        view=job.view,
        memory=_memory(job, output),
        exclusion=exclusion,
        cache_bytes=_cache_bytes(job, image_size),
        disk_cache_bytes=DISK_CACHE_BYTES * job.feature_cache,
    )


def _precedes_exclusion(run_folder: Path) -> bool:
    """Return whether a run was begun before there was exclusion, and is resumed without it."""
    return RunFolder.exists(run_folder) and "exclusion" not in stored_settings(run_folder)


def _settings_as_json(
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
        "memory": settings.memory.value,
        "group_size": settings.group_size,
        "exclusion": settings.exclusion,
    }
