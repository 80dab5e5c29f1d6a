"""What a segmentation job consists of: files, model and options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_sam2.candidates.candidate import CandidateLimits
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_MODEL
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.inference.text_detector import DEFAULT_TEXT_MODEL
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.axis_fusion.plan import InterpolatedPlanes
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.workflows.tracking.divisions import DivisionMode

_SETTINGS = SessionSettings()
_REQUEST = PropagationRequest()


@dataclass(frozen=True, kw_only=True)
class SegmentationJob:
    """One segmentation from files to files, as the command ``segment`` runs it.

    Parameters
    ----------
    source : str, Path or sequence of them
        File, folder or URL of the images, or several images that are the frames of one stack, see
        :func:`napari_sam2.open_stack`.
    prompts : Path or None
        A .json or .csv file of prompts, or a label image; None if ``find`` is given.
    output : Path
        Labels to write; ends in .zarr, .ome.zarr, .tif, .nii.gz, .nii, .coco.json or .png (a
        folder).
    model : str or Path
        A model name or a weights file, see :func:`napari_sam2.load_predictor`.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or the address of a dask
        scheduler, see :func:`napari_sam2.inference.model_catalog.predictor_of`.
    dtype : str or None
        Number format, see :func:`napari_sam2.open_session`; None uses that of the run that is
        resumed, else ``"auto"``.
    input_size : int or None
        Side of the model's square input in pixels; None uses that of the run that is resumed, else
        that of the model's training.
    axes : str or None
        One letter per dimension, e.g. ``"TCZYX"``; None uses the axes that the file specifies.
    along : str or None
        The axis to propagate along, or ``"t,z"`` for a series of volumes, whose prompts have
        positions t and z, or ``"z,y,x"`` for a volume that is followed along all its axes, from
        prompts along z; None uses the axis of the prompts, else t, else z.
    interpolate : InterpolatedPlanes or None
        Planes that are interpolated between slices while objects are tracked along z, and not
        written; None for none.
    at : sequence of str
        Positions on the other axes, e.g. ``("z=3",)``.
    channels : sequence of int or None
        Channels shown to the model; None uses all.
    scene : str, int or None
        Name or number of the image in a file of several; None opens the default one.
    contrast : (float, float) or None
        Values shown as black and as white; None chooses them from a sample of the data.
    window : str or None
        Name of a CT window, in place of ``contrast``; ``"auto"`` is the window that the file
        states, else soft tissue if the values are those of a CT.
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
    find_every : int or None
        Number of frames after which ``find`` is repeated for objects that no track explains; None
        searches the first frame only.
    text_model : str
        What finds boxes by text, see
        :func:`napari_sam2.inference.text_detector.load_text_detector`.
    limits : CandidateLimits
        Which candidates of ``find`` are kept.
    diameter : float or None
        Expected diameter of what is searched for, in pixels; None measures it.
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
    overwrite : bool
        Delete an earlier output first.
    """

    source: str | Path | Sequence[str | Path]
    prompts: Path | None = None
    output: Path
    model: str | Path = AUTO_MODEL
    device: str = AUTO_DEVICE
    dtype: str | None = None
    input_size: int | None = None
    axes: str | None = None
    along: str | None = None
    interpolate: InterpolatedPlanes | None = None
    at: Sequence[str] = ()
    channels: Sequence[int] | None = None
    scene: str | int | None = None
    contrast: tuple[float, float] | None = None
    window: str | None = None
    direction: PropagationDirection = _REQUEST.direction
    frames: tuple[int, int | None] | None = _REQUEST.frames
    view: ViewPolicy = _SETTINGS.view
    exclusion: bool = _SETTINGS.exclusion
    memory: MemoryPolicy | None = None
    refine: bool = False
    find: SearchTarget | None = None
    find_every: int | None = None
    text_model: str = DEFAULT_TEXT_MODEL
    limits: CandidateLimits = field(default_factory=CandidateLimits)
    diameter: float | None = None
    divisions: DivisionMode = DivisionMode.OFF
    lineage: Path | None = None
    labels_as: LabelPromptKind = LabelPromptKind.MASK
    labels_axes: str | None = None
    feature_cache: bool = False
    scores: Path | None = None
    resume: bool = False
    overwrite: bool = False
