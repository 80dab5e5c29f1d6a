"""Examples and counter-examples, taken from prompts."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A mask of an object that others are compared with.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    crop : MaskCrop
        The mask.
    """

    frame: int
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
    def of(cls, target: SearchTarget, prompts: PromptStore) -> Examples:
        """Return the masks of the objects that a target names.

        Parameters
        ----------
        target : SearchTarget
            Names objects by their ids.
        prompts : PromptStore
            The masks of these objects, on any frame.

        Raises
        ------
        UserError
            If an object is unknown, or has no mask.
        """
        like, unlike = (
            tuple(one for number in ids for one in _of_object(number, prompts))
            for ids in (target.like, target.unlike)
        )
        return cls(like, unlike)


def _of_object(number: int, prompts: PromptStore) -> list[Example]:
    known = prompts.objects()
    if number not in known:
        shown = ", ".join(map(str, known[:20])) + (", ..." if len(known) > 20 else "")
        raise UserError(f"There is no object {number} among the prompts. There are: {shown}.")
    found = [
        Example(frame, MaskCrop.from_mask(prompt.mask, prompt.offset))
        for frame in prompts.frames(number)
        for prompt in prompts.get(number, frame)
        if isinstance(prompt, MaskPrompt)
    ]
    if not found:
        raise UserError(
            f"Object {number} has points or a box, but an example needs a mask. Give labels, or "
            "prompts with masks as find writes them."
        )
    return found
