"""Examples of a search by example that become objects of a run."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.candidates.examples import Examples, masks_of
from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.io import check_points_inside, check_prompts
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_sam2.candidates.target import SearchTarget
    from napari_sam2.images.stack import Stack


@dataclass(frozen=True)
class ExampleObjects:
    """Examples among prompts, and the frame on which others like them are searched for.

    Parameters
    ----------
    prompts : PromptStore
        All prompts of the examples, which are objects of the run.
    frame : int
        The first frame of the run with a mask of each example. An example that has no mask there
        would be found a second time.
    occupied : tuple of MaskCrop
        Masks of examples and counter-examples on that frame, where nothing new is found.
    examples : Examples
        All masks of examples and counter-examples, on any frame.
    left_out : tuple of int
        Objects of the prompts that are neither.
    """

    prompts: PromptStore
    frame: int
    occupied: tuple[MaskCrop, ...]
    examples: Examples
    left_out: tuple[int, ...]

    @classmethod
    def of(
        cls,
        target: SearchTarget,
        given: PromptStore,
        stack: Stack,
        frames: tuple[int, int] | None,
    ) -> ExampleObjects:
        """Return the examples that a target names.

        Parameters
        ----------
        target : SearchTarget
            Names examples and counter-examples by their ids.
        given : PromptStore
            Prompts with their masks.
        stack : Stack
            The images.
        frames : (int, int) or None
            Half-open range of the run; None is the whole stack.

        Raises
        ------
        UserError
            If an object is unknown or has no mask, no frame has a mask of each example, or their
            prompts do not fit the run.
        """
        examples = Examples.of(target, given, stack.index)
        own = PromptStore((p for p in given if p.object_id in target.like), given.axis)
        own.notes = given.notes
        check_prompts(own, stack, frames)
        check_points_inside(own)
        frame = _common_frame(target, given)
        named = {*target.like, *target.unlike}
        return cls(
            own,
            frame,
            tuple(
                MaskCrop.from_mask(prompt.mask, prompt.offset)
                for prompt in _masks(sorted(named), given)
                if prompt.frame == frame
            ),
            examples,
            tuple(number for number in given.objects() if number not in named),
        )

    def check_first(self, first: int) -> None:
        """Check that the run can be searched every few frames, from its first frame on.

        Parameters
        ----------
        first : int
            The first frame of the run.

        Raises
        ------
        UserError
            If the examples have prompts on other frames.
        """
        if self.frame != first:
            raise UserError(
                f"--find-every searches from the first frame on, which is {first}, but frame "
                f"{self.frame} is the first with a mask of each example. Add --range "
                f"{self.frame}:, give masks on frame {first}, or leave --find-every out."
            )
        for object_id in self.prompts.objects():
            later = [frame for frame in self.prompts.frames(object_id) if frame != first]
            if later:
                raise UserError(
                    f"--find-every needs examples with prompts on the first frame only, but object "
                    f"{object_id} has prompts on frame {later[0]}. Remove them, or leave "
                    "--find-every out."
                )

    @property
    def fingerprint(self) -> str:
        """Hash of the masks of examples and counter-examples, and of their planes."""
        found = sha256()
        for group in (self.examples.like, self.examples.unlike):
            for one in group:
                found.update(repr((one.index, one.crop.window)).encode())
                found.update(np.packbits(one.crop.logits > 0).tobytes())
        return found.hexdigest()[:16]


def _common_frame(target: SearchTarget, given: PromptStore) -> int:
    frames = [{prompt.frame for prompt in masks_of(number, given)} for number in target.like]
    if common := set.intersection(*frames):
        return min(common)
    raise UserError(
        f"Examples {', '.join(map(str, target.like))} have masks on different frames, but the "
        "frame that is searched needs a mask of each. Give masks of all examples on one frame, or "
        "run find on a frame and give its output to segment --prompts."
    )


def _masks(ids: Iterable[int], given: PromptStore) -> Iterable[MaskPrompt]:
    return (prompt for number in ids for prompt in masks_of(number, given))
