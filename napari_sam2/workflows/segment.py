"""Segment images in one call, for scripts and notebooks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.exclusions import overlap_messages
from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination, OutputKind
from napari_sam2.export.labels import discard_parts, output_notes, write_label_output
from napari_sam2.export.png import check_png_ids
from napari_sam2.images.input_files import input_paths
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.readers import local_path
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, AUTO_MODEL
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.scores import ScoreTable
from napari_sam2.session.factory import open_session
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.workflows.model_summary import label_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.inference.protocol import Predictor

_SETTINGS = SessionSettings()


@dataclass(frozen=True)
class SegmentationResult:
    """Result of :func:`segment`.

    Parameters
    ----------
    labels : LabelArray
        Label image whose values are object ids; ``labels.array`` is the zarr array. Use
        :func:`numpy.asarray` on this result to read it into memory.
    scores : ScoreTable
        One row per object and frame.
    session : SegmentationSession
        The session, for corrections, further propagation and export.
    messages : tuple of str
        What to know about the input, the contrast, the prompts and the result.
    """

    labels: LabelArray
    scores: ScoreTable
    session: SegmentationSession
    messages: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all labels, with the axes and order of the input without channels."""
        return np.asarray(self.labels.array[...], dtype=dtype)


def segment(
    data: Any,
    prompts: Any,
    axes: str | None = None,
    along: str | None = None,
    model: Predictor | str | Path = AUTO_MODEL,
    *,
    device: str = AUTO_DEVICE,
    dtype: str = AUTO_DTYPE,
    input_size: int | None = None,
    at: Mapping[str, int] | Iterable[str] | None = None,
    channels: Sequence[int] | None = None,
    intensity: Intensity | None = None,
    direction: PropagationDirection | str | None = None,
    frames: tuple[int, int] | None = None,
    view: ViewPolicy | str | None = None,
    exclusion: bool = _SETTINGS.exclusion,
    refine: bool = False,
    scene: str | int | None = None,
    output: Path | str | None = None,
) -> SegmentationResult:
    """Segment prompted objects through time or depth.

    Parameters
    ----------
    data, prompts, axes, along, model, device, dtype, input_size, at, channels, scene, intensity
        As in :func:`napari_sam2.open_session`.
    direction : PropagationDirection, str or None
        ``"both"``, ``"forward"`` or ``"backward"`` from the prompted frames; None is ``"both"``.
    frames : tuple of int or None
        Half-open range (first, stop); labels of other frames are 0. None is the whole stack.
    view : ViewPolicy, str or None
        What the model is shown: ``"auto"`` (None), ``"full"``, ``"zoom"`` or ``"zoom:PIXELS"``.
    exclusion : bool
        As in :class:`napari_sam2.SessionSettings`.
    refine : bool
        Predict each mask again in a smaller window: :meth:`SegmentationSession.refine_track`.
    output : Path, str or None
        New output, see :class:`OutputDestination`; ``.zarr`` is written during the run, others at
        its end. None keeps the labels in memory.

    Raises
    ------
    UserError, SAM2Error, StackReadError
        If the data, the prompts, an option, the model or the device cannot be used or read.
    """
    request = _request(direction, frames)
    places = dict[str, Any](axes=axes, along=along, at=at, scene=scene, channels=channels)
    loaded = dict[str, Any](model=model, device=device, dtype=dtype, input_size=input_size)
    written_at_end = None if output is None else _written_at_end(output, data, prompts)
    session = open_session(
        data,
        prompts,
        **places,
        **loaded,
        intensity=intensity,
        settings=_settings(view, exclusion),
        output=output if written_at_end is None else None,
    )
    return _run(session, request, refine, written_at_end)


def _written_at_end(output: Path | str, data: Any, prompts: Any) -> OutputDestination | None:
    """Return the output if it is written after the run, None for a plain .zarr."""
    destination = OutputDestination.parse(output)
    if destination.kind is OutputKind.ZARR:
        return None
    destination.check_free()
    destination.check_writable()
    given = (*(data if isinstance(data, (list, tuple)) else (data,)), prompts)
    destination.check_apart(
        local_path(str(item)) for item in given if isinstance(item, (str, Path))
    )
    return destination


def _write(session: SegmentationSession, labels: LabelArray, output: OutputDestination) -> None:
    """Write the labels of a finished run."""
    indices = sorted({header.index for header in session.masks.infos() if header.area})
    note = label_note(session.predictor.info)
    write_label_output(output, session.stack, labels, indices, session.masks.objects(), note)
    discard_parts(output)


def _run(
    session: SegmentationSession,
    request: PropagationRequest,
    refine: bool,
    output: OutputDestination | None,
) -> SegmentationResult:
    if output is not None:
        output.check_apart(input_paths(None, session.stack.source))
    if output is not None and output.kind is OutputKind.PNG:
        check_png_ids(session.prompts.objects())
    messages = [] if output is None else [*output_notes(output, session.stack)]

    def add(text: str) -> None:
        messages.append(text)

    session.events.notice.connect(add)
    deque(session.propagate(request), maxlen=0)
    if refine:
        deque(session.refine_track(), maxlen=0)
    if session.labels is None:
        raise AssertionError("open_session always creates labels")
    session.events.notice.disconnect(add)
    messages += overlap_messages(session.masks, session.stack)
    if output is not None:
        _write(session, session.labels, output)
    return SegmentationResult(session.labels, session.scores, session, tuple(messages))


def _request(
    direction: PropagationDirection | str | None, frames: tuple[int, int] | None
) -> PropagationRequest:
    if direction is None:
        return PropagationRequest(frames=frames)
    if direction not in {*PropagationDirection, *(item.value for item in PropagationDirection)}:
        raise UserError(f"There is no direction {direction!r}. Use both, forward or backward.")
    return PropagationRequest(direction=PropagationDirection(direction), frames=frames)


def _settings(view: ViewPolicy | str | None, exclusion: bool) -> SessionSettings:
    if view is None:
        return SessionSettings(exclusion=exclusion)
    policy = ViewPolicy.parse(view) if isinstance(view, str) else view
    return SessionSettings(view=policy, exclusion=exclusion)
