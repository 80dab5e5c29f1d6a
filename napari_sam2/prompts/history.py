"""Undo and redo of prompts and second looks, with the masks that they replaced."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.types import Prompt, PromptKey


@dataclass(frozen=True, slots=True)
class PromptEdit:
    """One change of what is said about one object on one frame, or of its mask alone.

    Parameters
    ----------
    key : tuple
        Position of the session, object id, frame.
    before, after : tuple of Prompt
        What was said and what is said now.
    mask : FrameResult or None
        The mask that was there before.
    sharper : FrameResult or None
        The mask that a second look gave; None where the mask is the prompts' answer.
    """

    key: PromptKey
    before: tuple[Prompt, ...]
    after: tuple[Prompt, ...]
    mask: FrameResult | None = None
    sharper: FrameResult | None = None


@dataclass
class EditHistory:
    """Edits in two stacks; one step is what the user did at once.

    Parameters
    ----------
    limit : int
        Steps that are kept.
    """

    limit: int = 200
    _done: list[tuple[PromptEdit, ...]] = field(default_factory=list)
    _undone: list[tuple[PromptEdit, ...]] = field(default_factory=list)

    def note(self, step: tuple[PromptEdit, ...]) -> None:
        """Keep a step that the user made."""
        self._done = [*self._done, step][-self.limit :]
        self._undone.clear()

    def undo(self) -> tuple[PromptEdit, ...]:
        """Return the last step, to be taken back; empty if there is none."""
        return self._move(self._done, self._undone)

    def redo(self) -> tuple[PromptEdit, ...]:
        """Return the step that was taken back last, to be made again; empty if there is none."""
        return self._move(self._undone, self._done)

    def forget(self, object_id: int) -> None:
        """Drop the steps of an object that was deleted."""
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
