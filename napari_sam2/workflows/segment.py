"""Segment images in one call, for scripts and notebooks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.exclusions import overlap_messages
from napari_sam2.analysis.series_summary import series_summary
from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination, OutputKind
from napari_sam2.export.labels import discard_parts, output_notes, write_label_output
from napari_sam2.export.png import check_png_ids
from napari_sam2.images.input_files import input_paths
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.readers import local_path
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, AUTO_MODEL
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.scores import ScoreTable
from napari_sam2.session.factory import open_session
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.volume_series.factory import open_series_session
from napari_sam2.session.volume_series.series_scores import SeriesScores
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.workflows.model_summary import label_note
from napari_sam2.workflows.volume_series.inputs import check_series_call

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.session.session_group import SessionGroup
    from napari_sam2.session.volume_series.series_session import SeriesSession

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
    session : SegmentationSession or SeriesSession
        The session, for corrections, further propagation and export; along t and z the one that
        holds the sessions of all time points.
    messages : tuple of str
        What to know about the input, the contrast, the prompts and the result.
    """

    labels: LabelArray
    scores: ScoreTable
    session: SegmentationSession | SeriesSession
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
    memory: MemoryPolicy | str = _SETTINGS.memory,
    refine: bool = False,
    scene: str | int | None = None,
    output: Path | str | None = None,
) -> SegmentationResult:
    """Segment prompted objects through time or depth, or both.

    Parameters
    ----------
    data, prompts, axes, along, model, device, dtype, input_size, at, channels, scene, intensity
        As in :func:`napari_sam2.open_session`. With ``along="t,z"`` objects are followed through
        a series of volumes; each prompt has the positions t and z.
    direction : PropagationDirection, str or None
        ``"both"``, ``"forward"`` or ``"backward"`` from the prompted frames, or time points; None
        is ``"both"``.
    frames : tuple of int or None
        Half-open range (first, stop); labels of other frames are 0. None is the whole stack.
    view : ViewPolicy, str or None
        What the model is shown: ``"auto"`` (None), ``"full"``, ``"zoom"`` or ``"zoom:PIXELS"``.
    exclusion, memory
        As in :class:`napari_sam2.SessionSettings`; a policy also by its name, e.g. ``"plain"``.
    refine : bool
        Predict each mask again in a smaller window: :meth:`SegmentationSession.refine_track`.
    output : Path, str or None
        New file, a ``.zarr`` during the run, others at its end; None keeps labels in memory.

    Raises
    ------
    UserError, SAM2Error, StackReadError
        If the data, the prompts, an option, the model or the device cannot be used or read.
    """
    request = _request(direction, frames)
    options = dict[str, Any](axes=axes, at=at, scene=scene, channels=channels)
    options |= {"model": model, "device": device, "dtype": dtype, "input_size": input_size}
    written_at_end = None if output is None else _written_at_end(output, data, prompts)
    options |= {"intensity": intensity, "settings": _settings(view, exclusion, memory)}
    options |= {"output": output if written_at_end is None else None}
    if along == TIME_AND_DEPTH:
        check_series_call(frames, refine=refine)
        series = open_series_session(data, prompts, **options)
        return _run_series(series, request.direction, written_at_end)
    session = open_session(data, prompts, along=along, **options)
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


def _write(
    session: SegmentationSession | SessionGroup, labels: LabelArray, output: OutputDestination
) -> None:
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
    messages = _check_output(output, session.stack, session.prompts.objects())

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


def _check_output(output: OutputDestination | None, stack: Stack, ids: Sequence[int]) -> list[str]:
    """Return what an output does not store, after checking that it can be written."""
    if output is None:
        return []
    output.check_apart(input_paths(None, stack.source))
    if output.kind is OutputKind.PNG:
        check_png_ids(ids)
    return [*output_notes(output, stack)]


def _run_series(
    series: SeriesSession, direction: PropagationDirection, output: OutputDestination | None
) -> SegmentationResult:
    group, ids = series.sessions, series.prompted()
    messages = [*_check_output(output, group.stack, ids), *series.notes]
    deque(series.propagate(direction=direction), maxlen=0)
    messages.append(series_summary(group.masks, ids))
    if output is not None:
        _write(group, group.labels, output)
    scores = SeriesScores(series.volumes())
    return SegmentationResult(group.labels, scores, series, tuple(messages))


def _request(
    direction: PropagationDirection | str | None, frames: tuple[int, int] | None
) -> PropagationRequest:
    if direction is None:
        return PropagationRequest(frames=frames)
    if direction not in {*PropagationDirection, *(item.value for item in PropagationDirection)}:
        raise UserError(f"There is no direction {direction!r}. Use both, forward or backward.")
    return PropagationRequest(direction=PropagationDirection(direction), frames=frames)


def _settings(
    view: ViewPolicy | str | None, exclusion: bool, memory: MemoryPolicy | str
) -> SessionSettings:
    policy = ViewPolicy.parse(view) if isinstance(view, str) else view
    known = [item.value for item in MemoryPolicy]
    if memory not in {*MemoryPolicy, *known}:
        names = f"{', '.join(known[:-1])} or {known[-1]}"
        raise UserError(f"There is no memory policy {memory!r}. Use {names}.")
    chosen = SessionSettings(exclusion=exclusion, memory=MemoryPolicy(memory))
    return chosen if policy is None else replace(chosen, view=policy)
