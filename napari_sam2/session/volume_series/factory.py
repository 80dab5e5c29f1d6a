"""Open a series of volumes and a model, and create the session that follows objects through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import parse_at
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, AUTO_MODEL, predictor_of
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.prompts.volume_series.series_prompts import load_series_prompts
from napari_sam2.session.factory import check_output
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.volume_series.series_session import SeriesSession, volume_position

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.prompts.volume_series.series_prompts import SeriesPrompts
    from napari_sam2.session.settings import SessionSettings


def open_series(
    source: Any,
    *,
    axes: str | None = None,
    at: Mapping[str, int] | Iterable[str] | None = None,
    channels: Sequence[int] | None = None,
    scene: str | int | None = None,
) -> Stack:
    """Return a stack of a series of volumes, with frames along z, at the first time point.

    Parameters
    ----------
    source, axes, at, channels, scene
        As in :func:`napari_sam2.open_stack`.

    Raises
    ------
    UserError
        If the images lack t or z, or a position on them is given.
    """
    options = dict[str, Any](axes=axes, channels=channels, scene=scene)
    named = open_stack(source, **options)
    if missing := [axis for axis in "tz" if axis.upper() not in named.label_axes]:
        other = "z" if missing == ["t"] else "t"
        advice = f"follow them along {other}" if len(missing) == 1 else "choose another axis"
        raise UserError(
            f"Following objects along t,z needs both axes, but {named.name} has the axes "
            f"{named.axes} without {' and '.join(missing)}: {advice}, or name the axes of the "
            "images."
        )
    positions = parse_at(at)
    fixed = [axis for axis in ("t", "z") if axis in positions]
    if fixed:
        raise UserError(
            f"Objects are tracked along t,z, so {fixed[0]} cannot be fixed at "
            f"{fixed[0]}={positions[fixed[0]]}. Leave it out, or follow them along the other axis "
            "only."
        )
    # The first time point is not a choice that the user has to know about.
    return open_stack(source, **options, along="z", at={**positions, "t": 0})


def stack_over_time(stack: Stack) -> Stack:
    """Return the middle planes of all time points, from which the contrast is chosen.

    A single volume is returned as it is.
    """
    n_times, depth = stack.label_shape[:2]
    return stack if n_times == 1 else stack.with_along("t", {"z": depth // 2})


def open_series_session(
    data: Any,
    prompts: Any,
    *,
    axes: str | None = None,
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
) -> SeriesSession:
    """Open a series of volumes and a model, and create a session with prompts on any plane.

    Parameters
    ----------
    data, axes, at, channels, scene
        As in :func:`open_series`.
    prompts : path, mapping, SeriesPrompts or array
        As in :func:`load_series_prompts`.
    model, device, dtype, input_size, settings, output
        As in :func:`napari_sam2.open_session`.
    intensity : Intensity or None
        Contrast of the images shown to the model; None chooses it on planes of all time points.

    Raises
    ------
    UserError, SAM2Error
        If the data, the prompts, an option, the model or the device cannot be used.
    """
    stack = open_series(data, axes=axes, at=at, channels=channels, scene=scene)
    given = load_series_prompts(prompts, stack)
    path = None if output is None else check_output(Path(output), prompts, stack, data)
    predictor = predictor_of(model, device, dtype, input_size)
    chosen = choose_intensity(stack_over_time(stack)) if intensity is None else intensity
    labels = LabelArray.create(path, stack, ids=given.objects(), axes=stack.native_label_axes)
    sessions = SessionGroup(stack, predictor, chosen, labels, settings)
    sessions.series = True
    for time, store in given.volumes.items():
        sessions.add_session(volume_position(time), store)
    return SeriesSession(sessions, _notes(stack, given, chosen, predictor))


def _notes(
    stack: Stack, prompts: SeriesPrompts, intensity: Intensity, predictor: Predictor
) -> tuple[str, ...]:
    return (*stack.notes, *prompts.notes, *intensity.notes, *predictor.info.notes)
