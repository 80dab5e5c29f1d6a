"""What a segmentation job consists of: files, model and options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_sam2.candidates.target import SearchTarget
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.axis_fusion.plan import InterpolatedPlanes
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.workflows.image_job import ImageJob
from napari_sam2.workflows.tracking.divisions import DivisionMode

_SETTINGS = SessionSettings()
_REQUEST = PropagationRequest()


@dataclass(frozen=True, kw_only=True)
class SegmentationJob(ImageJob):
    """One segmentation from files to files, as the command ``segment`` runs it.

    The output are labels, whose file ends in .zarr, .ome.zarr, .tif, .nii.gz, .nii, .coco.json or
    .png (a folder). The axis may be ``"t,z"`` for a series of volumes, whose prompts have positions
    t and z, or ``"z,y,x"`` for a volume that is tracked along all its axes, from prompts along z.
    Prompts are None if ``find`` is given, unless it names examples among them.

    Parameters
    ----------
    source, output, prompts, model, device, dtype, input_size, axes, along, at, channels, scene
        See :class:`napari_sam2.workflows.image_job.ImageJob`.
    contrast, window, text_model, limits, diameter, overwrite
        See :class:`napari_sam2.workflows.image_job.ImageJob`.
    interpolate : InterpolatedPlanes or None
        Planes that are interpolated between slices while objects are tracked along z, and not
        written; None for none.
    direction : PropagationDirection
        Directions to propagate in, from the prompted frames.
    frames : (int, int or None) or None
        Half-open range (first, stop) of frames to segment; a stop of None is the end of the
        stack. None segments the whole stack.
    view : ViewPolicy
        Which windows of a plane the model is shown.
    exclusion : bool
        Whether tracked objects exclude each other, see :class:`napari_sam2.SessionSettings`.
    memory : MemoryPolicy or None
        Which frames are remembered while an object is tracked. None uses that of the run that is
        resumed, or the default of :class:`SessionSettings`.
    refine : bool
        Predict each mask a second time in a smaller window after the propagation.
    find : SearchTarget or None
        What is searched for on the first frame instead of prompts: what is found becomes objects.
        A search by example is on the first frame with masks of all examples, which become
        objects, too.
    find_every : int or None
        Number of frames after which ``find`` is repeated for objects that no track explains; None
        searches one frame only.
    divisions : DivisionMode
        What is done about divisions of tracked objects, along t.
    lineage : Path or None
        Table of the parents to write, with ``divisions`` auto.
    labels_as : LabelPromptKind
        What the labels of a label image become.
    labels_axes : str or None
        Axes of a label image, e.g. ``"ZYX"``; None uses the axes that it specifies.
    feature_cache : bool
        Keep image features on disk, so that another run on the same images encodes none again.
    scores : Path or None
        CSV file to write, with one row per object and frame.
    resume : bool
        Resume an earlier run with the same output, if there is one.
    """

    interpolate: InterpolatedPlanes | None = None
    direction: PropagationDirection = _REQUEST.direction
    frames: tuple[int, int | None] | None = _REQUEST.frames
    view: ViewPolicy = _SETTINGS.view
    exclusion: bool = _SETTINGS.exclusion
    memory: MemoryPolicy | None = None
    refine: bool = False
    find: SearchTarget | None = None
    find_every: int | None = None
    divisions: DivisionMode = DivisionMode.OFF
    lineage: Path | None = None
    labels_as: LabelPromptKind = LabelPromptKind.MASK
    labels_axes: str | None = None
    feature_cache: bool = False
    scores: Path | None = None
    resume: bool = False
