"""Prompts in, labels out, in one call: the door for scripts and notebooks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity, choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.scores import ScoreTable
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.io import load_prompts, prompt_axis
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.inference.protocol import Predictor


@dataclass(frozen=True)
class SegmentationResult:
    """What :func:`segment` gives back.

    Parameters
    ----------
    labels : LabelArray
        Value is the object id; ``labels.array`` is the zarr array, :func:`numpy.asarray` of this
        object reads it whole.
    scores : ScoreTable
        One row per object and frame.
    session : SegmentationSession
        To go on: correct, propagate again, export.
    """

    labels: LabelArray
    scores: ScoreTable
    session: SegmentationSession

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all labels, in the input's axes and order without channels."""
        return np.asarray(self.labels.array[...], dtype=dtype)


def open_session(
    data: Any,
    prompts: Any = None,
    *,
    axes: str | None = None,
    along: str | None = None,
    at: dict[str, int] | None = None,
    channels: Sequence[int] | None = None,
    model: Predictor | str | Path = "auto",
    device: str = "auto",
    intensity: Intensity | None = None,
    settings: SessionSettings | None = None,
    output: Path | str | None = None,
) -> SegmentationSession:
    """Open a stack and a model for step-by-step work.

    Parameters
    ----------
    data : array, path or URL
        See :func:`napari_sam2.images.stack.open_stack`; read lazily.
    prompts : PromptStore, sequence of prompts, dict, path, label array or None
        What to segment, see :func:`napari_sam2.prompts.io.load_prompts`; more can be added to
        ``session.prompts``.
    axes : str or None
        One letter per dimension, e.g. ``"TYX"``; None takes what the data say.
    along : str or None
        The propagated axis; None takes the prompts' axis, else t, else z.
    at : dict or None
        Fixed positions on other axes, e.g. ``{"z": 3}``.
    channels : sequence of int or None
        Which channels the model sees.
    model : Predictor, str or Path
        A predictor, or what :func:`napari_sam2.inference.sam2_predictor.load_predictor` takes.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    intensity : Intensity or None
        Contrast; None samples it once from the data.
    settings : SessionSettings or None
        Views, stop rule, memory.
    output : Path, str or None
        A zarr folder for the labels, made anew; None keeps them in memory, compressed.

    Raises
    ------
    UserError
        If the data, prompts or model cannot be used.
    """
    asked = along or (None if prompts is None else prompt_axis(prompts))
    stack = open_stack(data, axes=axes, along=asked, at=at, channels=channels)
    store = PromptStore(axis=stack.along) if prompts is None else load_prompts(prompts, stack)
    labels = LabelArray.create(None if output is None else Path(output), stack, ids=store.objects())
    return SegmentationSession(
        stack,
        _predictor(model, device),
        intensity=intensity or choose_intensity(stack),
        prompts=store,
        masks=MemoryMaskStore(),
        labels=labels,
        settings=settings,
    )


def segment(
    data: Any,
    prompts: Any,
    axes: str | None = None,
    along: str | None = None,
    model: Predictor | str | Path = "auto",
    *,
    device: str = "auto",
    at: dict[str, int] | None = None,
    channels: Sequence[int] | None = None,
    intensity: Intensity | None = None,
    direction: str = "both",
    frames: tuple[int, int] | None = None,
    view: str = "auto",
    refine: bool = False,
    output: Path | str | None = None,
) -> SegmentationResult:
    """Segment prompted objects through time or depth.

    Parameters
    ----------
    data, prompts, axes, along, at, channels, model, device, intensity, output
        As in :func:`open_session`.
    direction : str
        ``"both"``, ``"forward"`` or ``"backward"`` from the prompted frames.
    frames : tuple of int or None
        Half-open range; labels outside are 0.
    view : str
        ``"auto"``, ``"full"``, ``"zoom"`` or ``"zoom:PIXELS"``.
    refine : bool
        Look at every mask again in a tighter window, see
        :meth:`napari_sam2.session.session.SegmentationSession.refine_track`.

    Returns
    -------
    SegmentationResult
        Labels, scores, and the session to go on with.

    Raises
    ------
    UserError
        If something given cannot be used.
    StackReadError
        If a plane cannot be read.
    """
    request = PropagationRequest(direction=_ways(direction), frames=frames)
    session = open_session(
        data,
        prompts,
        axes=axes,
        along=along,
        at=at,
        channels=channels,
        model=model,
        device=device,
        intensity=intensity,
        settings=SessionSettings(view=ViewPolicy.parse(view)),
        output=output,
    )
    return _segmented(session, request, refine)


def _segmented(
    session: SegmentationSession, request: PropagationRequest, refine: bool
) -> SegmentationResult:
    for _ in session.propagate(request):
        pass
    if refine:
        deque(session.refine_track(), maxlen=0)
    if session.labels is None:
        raise AssertionError("open_session always makes labels")
    return SegmentationResult(session.labels, session.scores, session)


def _ways(direction: str) -> PropagationDirection:
    if direction not in {way.value for way in PropagationDirection}:
        raise UserError(f"Direction {direction!r} is not known: use both, forward or backward.")
    return PropagationDirection(direction)


def _predictor(model: Predictor | str | Path, device: str) -> Predictor:
    if not isinstance(model, str | Path):
        return model
    from napari_sam2.inference.sam2_predictor import load_predictor

    return load_predictor(model, device)
