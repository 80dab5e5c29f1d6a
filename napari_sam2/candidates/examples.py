"""Examples and counter-examples, taken from prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A mask of an object that others are compared with.

    Parameters
    ----------
    index : tuple of int
        Full index of its plane.
    crop : MaskCrop
        The mask.
    """

    index: PlaneIndex
    crop: MaskCrop


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is searched for by example.

    Parameters
    ----------
    like, unlike : tuple of Example
        Examples, at least one, and counter-examples.
    """

    like: tuple[Example, ...]
    unlike: tuple[Example, ...] = ()

    @classmethod
    def of(
        cls, target: SearchTarget, prompts: PromptStore, indices: Callable[[int], PlaneIndex]
    ) -> Examples:
        """Return the masks of the objects that a target names.

        Parameters
        ----------
        target : SearchTarget
            Names objects by their ids.
        prompts : PromptStore
            The masks of these objects, on any frame.
        indices : callable
            Returns the full index of the plane of a frame.

        Raises
        ------
        UserError
            If an object is unknown, or has no mask.
        """
        like, unlike = (
            tuple(
                Example(indices(prompt.frame), MaskCrop.from_mask(prompt.mask, prompt.offset))
                for number in ids
                for prompt in masks_of(number, prompts)
            )
            for ids in (target.like, target.unlike)
        )
        return cls(like, unlike)


def masks_of(object_id: int, prompts: PromptStore) -> tuple[MaskPrompt, ...]:
    """Return the masks of an example among prompts, by frame.

    Raises
    ------
    UserError
        If the object is unknown, or has no mask.
    """
    known = prompts.objects()
    if object_id not in known:
        shown = ", ".join(map(str, known[:20])) + (", ..." if len(known) > 20 else "")
        raise UserError(f"There is no object {object_id} among the prompts. There are: {shown}.")
    found = tuple(
        prompt
        for frame in prompts.frames(object_id)
        for prompt in prompts.get(object_id, frame)
        if isinstance(prompt, MaskPrompt)
    )
    if not found:
        raise UserError(
            f"Object {object_id} has points or a box, but an example needs a mask. Give labels, or "
            "prompts with masks as find writes them."
        )
    return found
