"""Create segmentation sessions: for scripts, the command line and the viewer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.input_files import check_outside, input_paths
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, AUTO_MODEL, predictor_of
from napari_sam2.masks.label_array import DraftAndResultLabels, LabelArray
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.io import load_prompts, prompt_axis
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.plane_readers import PlaneReader
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.store import MaskStore
    from napari_sam2.session.history.edit_history import EditHistory
    from napari_sam2.session.settings import SessionSettings
    from napari_sam2.tracking.resume_state import Journal


def create_session(
    stack: Stack,
    predictor: Predictor,
    *,
    intensity: Intensity | None = None,
    prompts: PromptStore | None = None,
    settings: SessionSettings | None = None,
    masks: MaskStore | None = None,
    labels: LabelArray | None = None,
    journal: Journal | None = None,
    drafts: MaskStore | None = None,
    reader: PlaneReader | None = None,
    history: EditHistory | None = None,
) -> SegmentationSession:
    """Create a session on an open stack and a loaded model.

    Parameters
    ----------
    stack : Stack
        The images.
    predictor : Predictor
        The model.
    intensity : Intensity or None
        Contrast of the images shown to the model; None chooses it from a sample of the data.
    prompts : PromptStore or None
        The prompts; None starts without any.
    settings : SessionSettings or None
        None uses the default settings.
    masks : MaskStore or None
        Where masks are stored; None keeps them in memory.
    labels : LabelArray or None
        Label image that is updated with every mask; None keeps none.
    journal : Journal or None
        Records finished planes for a run that can be resumed; None records nothing.
    drafts : MaskStore or None
        Where masks of the forward pass are stored until the backward pass replaces them; None
        keeps them in memory.
    reader : PlaneReader or None
        Reads planes in place of ``stack``; None reads from the stack.
    history : EditHistory or None
        Steps for undo and redo; None keeps them in memory.

    Raises
    ------
    StackReadError
        If the data sampled for the contrast cannot be read.
    """
    return SegmentationSession(
        stack,
        predictor,
        intensity=choose_intensity(stack) if intensity is None else intensity,
        prompts=PromptStore(axis=stack.along) if prompts is None else prompts,
        masks=MemoryMaskStore() if masks is None else masks,
        labels=labels,
        settings=settings,
        journal=journal,
        drafts=drafts,
        reader=reader,
        history=history,
    )


def create_session_group(
    stack: Stack,
    predictor: Predictor,
    intensity: Intensity | None = None,
    labels: DraftAndResultLabels | None = None,
    settings: SessionSettings | None = None,
) -> SessionGroup:
    """Create the sessions of an image in the viewer, one per position on the other axes.

    Parameters
    ----------
    stack : Stack
        The image; its fixed positions do not matter.
    predictor : Predictor
        The model.
    intensity : Intensity or None
        Contrast of the images shown to the model; None chooses it from a sample of the data.
    labels : DraftAndResultLabels or None
        Label images for drafts and results; None creates them in memory.
    settings : SessionSettings or None
        None uses the default settings.

    Raises
    ------
    StackReadError
        If the data sampled for the contrast cannot be read.
    """
    return SessionGroup(
        stack,
        predictor,
        choose_intensity(stack) if intensity is None else intensity,
        DraftAndResultLabels.make(stack) if labels is None else labels,
        settings,
    )


def open_session(
    data: Any,
    prompts: Any = None,
    *,
    axes: str | None = None,
    along: str | None = None,
    at: Mapping[str, int] | Iterable[str] | None = None,
    channels: Sequence[int] | None = None,
    scene: str | int | None = None,
    model: Predictor | str | Path = AUTO_MODEL,
    device: str = AUTO_DEVICE,
    dtype: str = AUTO_DTYPE,
    input_size: int | None = None,
    intensity: Intensity | None = None,
    settings: SessionSettings | None = None,
    output: Path | str | None = None,
) -> SegmentationSession:
    """Open images and a model, and create a session for step-by-step work.

    Parameters
    ----------
    data : array, path or URL
        The images, see :func:`napari_sam2.open_stack`; planes are read when needed.
    prompts : PromptStore, sequence of prompts, dict, path, label array or None
        Prompts, a prompt file or its content, or labels of some frames (values become object ids).
    axes, along, at, channels, scene
        As in :func:`napari_sam2.open_stack`; ``along`` defaults to the axis of the prompts.
    model, device, dtype, input_size
        A predictor, or what :func:`napari_sam2.load_predictor` loads.
    intensity : Intensity or None
        Contrast of the images shown to the model; None chooses it from a sample of the data.
    settings : SessionSettings or None
        None uses the default settings.
    output : Path, str or None
        New ``.zarr`` folder for the labels, which are written with every mask; None keeps them
        in memory, compressed. For other formats see :func:`napari_sam2.segment`.

    Returns
    -------
    SegmentationSession
        The array of its ``labels`` has the axes and order of the input without channels.

    Raises
    ------
    UserError, SAM2Error
        If the data, the prompts, an option, the model or the device cannot be used.
    """
    chosen = along or (None if prompts is None else prompt_axis(prompts))
    stack = open_stack(data, axes=axes, along=chosen, at=at, channels=channels, scene=scene)
    store = PromptStore(axis=stack.along) if prompts is None else load_prompts(prompts, stack)
    path = None if output is None else check_output(Path(output), prompts, stack, data)
    labels = LabelArray.create(path, stack, ids=store.objects(), axes=stack.native_label_axes)
    return create_session(
        stack,
        predictor_of(model, device, dtype, input_size),
        intensity=intensity,
        prompts=store,
        settings=settings,
        labels=labels,
    )


def check_output(output: Path, prompts: Any, stack: Stack, data: Any = None) -> Path:
    """Return the folder for the labels, if they can be written there.

    Parameters
    ----------
    output : Path
        The new folder.
    prompts : Any
        The prompts; a file of them must lie outside.
    stack : Stack
        The images; their files must lie outside.
    data : path, sequence of paths or other object
        What the images were opened from.

    Raises
    ------
    UserError
        If it is no ``.zarr`` folder, exists, or contains an input.
    """
    output = output.expanduser()
    name = output.name.lower()
    if not name.endswith(".zarr") or name.endswith(".ome.zarr"):
        raise UserError(
            f"A session writes its labels to a .zarr folder while it runs, not to {output.name}: "
            "use .zarr, or segment(..., output=...), which writes all formats at the end."
        )
    if output.exists():
        raise UserError(f"{output} exists: choose another output, or remove it first.")
    given = [Path(prompts)] if isinstance(prompts, (str, Path)) else []
    for read in (*input_paths(data, stack.source), *given):
        check_outside(output, read)
    return output
