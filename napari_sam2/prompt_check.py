"""Whether prompts fit the stack they are meant for."""

from __future__ import annotations

from collections.abc import Iterable

from napari_sam2.errors import UserError
from napari_sam2.geometry import Window
from napari_sam2.label_geometry import LabelGeometry, label_dtype
from napari_sam2.prompt_store import PromptStore
from napari_sam2.prompts import BoxPrompt, PointPrompt, Prompt, describe


def check_prompts(
    prompts: PromptStore, geometry: LabelGeometry, frames: tuple[int, int] | None = None
) -> None:
    """Refuse prompts that do not lie on the stack or in the range.

    Parameters
    ----------
    prompts : PromptStore
        What was asked.
    geometry : LabelGeometry
        The stack.
    frames : tuple of int or None
        Half-open range that is segmented; None for the whole stack.

    Raises
    ------
    UserError
        If there are no prompts, they count frames along another axis, one lies outside, or an
        object id fits no label type.
    """
    if not len(prompts):
        raise UserError("There are no objects: give at least one point, box or mask.")
    if prompts.axis not in (None, geometry.along):
        raise UserError(
            f"The prompts count frames along {prompts.axis}, but the stack goes along "
            f"{geometry.along}: choose one."
        )
    label_dtype(prompts.objects())
    for prompt in prompts:
        _check_frame(prompt, geometry.n_frames, frames)
    _check_places(prompts, geometry.shape)


def _check_frame(prompt: Prompt, count: int, frames: tuple[int, int] | None) -> None:
    if prompt.frame >= count:
        raise UserError(f"{describe(prompt)} is outside the stack: frames are 0 to {count - 1}.")
    if frames is not None and not frames[0] <= prompt.frame < frames[1]:
        raise UserError(
            f"{describe(prompt)} is outside the range {frames[0]}:{frames[1]}: "
            "widen the range or remove it."
        )


def _check_places(prompts: Iterable[Prompt], shape: tuple[int, int]) -> None:
    for prompt in prompts:
        if not _inside(prompt, shape):
            raise UserError(
                f"{describe(prompt)} reaches outside the plane of {shape[0]} x {shape[1]} pixels "
                "(height x width; coordinates are y, x)."
            )


def _inside(prompt: Prompt, shape: tuple[int, int]) -> bool:
    height, width = shape
    if isinstance(prompt, PointPrompt):
        y, x = prompt.yx
        return -0.5 <= y <= height - 0.5 and -0.5 <= x <= width - 0.5
    if isinstance(prompt, BoxPrompt):
        (y0, x0), (y1, x1) = prompt.yx0, prompt.yx1
        return y0 >= 0 and x0 >= 0 and y1 <= height and x1 <= width
    return Window.of(shape).contains(prompt.window)
