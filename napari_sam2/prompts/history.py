"""Undo and redo of prompt edits and refinements, with the masks that they replaced."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.types import Prompt, PromptKey


@dataclass(frozen=True, slots=True)
class PromptEdit:
    """One change of the prompts of an object on a frame, or of its mask by a refinement.

    Parameters
    ----------
    key : PromptKey
        Position of the session, object id, frame.
    before, after : tuple of Prompt
        The prompts before and after the change.
    mask : FrameResult or None
        The mask before the change.
    refined : FrameResult or None
        The refined mask; None if the mask is predicted from the prompts.
    """

    key: PromptKey
    before: tuple[Prompt, ...]
    after: tuple[Prompt, ...]
    mask: FrameResult | None = None
    refined: FrameResult | None = None


@dataclass
class EditHistory:
    """Stacks of edits for undo and redo; a step holds the edits of one user action.

    Parameters
    ----------
    limit : int
        Largest number of steps for undo.
    """

    limit: int = 200
    _done: list[tuple[PromptEdit, ...]] = field(default_factory=list)
    _undone: list[tuple[PromptEdit, ...]] = field(default_factory=list)

    def add(self, step: tuple[PromptEdit, ...]) -> None:
        """Add a step; steps that were undone are dropped."""
        self._done = [*self._done, step][-self.limit :]
        self._undone.clear()

    def undo(self) -> tuple[PromptEdit, ...]:
        """Return the last step, for the caller to undo; empty if there is none."""
        return self._move(self._done, self._undone)

    def redo(self) -> tuple[PromptEdit, ...]:
        """Return the last undone step, for the caller to redo; empty if there is none."""
        return self._move(self._undone, self._done)

    def forget(self, object_id: int) -> None:
        """Remove the edits of an object."""
        for steps in (self._done, self._undone):
            kept = [tuple(e for e in step if e.key[1] != object_id) for step in steps]
            steps[:] = [step for step in kept if step]

    def _move(
        self, source: list[tuple[PromptEdit, ...]], target: list[tuple[PromptEdit, ...]]
    ) -> tuple[PromptEdit, ...]:
        if not source:
            return ()
        target.append(source.pop())
        return target[-1]
