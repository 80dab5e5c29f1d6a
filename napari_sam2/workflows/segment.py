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
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_MODEL
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.scores import ScoreTable
from napari_sam2.session.factory import open_session
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest

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
    data, prompts, axes, along, model, device, at, channels, scene, intensity, output
        As in :func:`napari_sam2.open_session`.
    direction : PropagationDirection, str or None
        ``"both"``, ``"forward"`` or ``"backward"`` from the prompted frames; None is ``"both"``.
    frames : tuple of int or None
        Half-open range (first, stop); labels of other frames are 0. None is the whole stack.
    view : ViewPolicy, str or None
        Which windows of a plane the model is shown: ``"auto"``, ``"full"``, ``"zoom"`` or
        ``"zoom:PIXELS"``; None is ``"auto"``.
    exclusion : bool
        As in :class:`napari_sam2.SessionSettings`.
    refine : bool
        Predict each mask a second time, see :meth:`SegmentationSession.refine_track`.

    Raises
    ------
    UserError
        If the data, the prompts or an option cannot be used.
    SAM2Error
        If the model or the device is not available.
    StackReadError
        If a plane cannot be read.
    """
    request = _request(direction, frames)
    places: dict[str, Any] = {"axes": axes, "along": along, "at": at, "scene": scene}
    session = open_session(
        data,
        prompts,
        **places,
        channels=channels,
        model=model,
        device=device,
        intensity=intensity,
        settings=_settings(view, exclusion),
        output=output,
    )
    return _run(session, request, refine)


def _run(
    session: SegmentationSession, request: PropagationRequest, refine: bool
) -> SegmentationResult:
    messages: list[str] = []

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
