"""Move the prompts of one object to another one."""

from __future__ import annotations

from dataclasses import replace

from napari_sam2.core.errors import UserError
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import Prompt


def move_prompts(prompts: PromptStore, source_id: int, target_id: int) -> tuple[Prompt, ...]:
    """Give an object's prompts to another object; return those that were dropped.

    Prompts are dropped on frames where they cannot be combined with prompts of the other object,
    see :func:`napari_sam2.prompts.types.arrange`.
    """
    dropped: list[Prompt] = []
    for frame in prompts.frames(source_id):
        moved = prompts.get(source_id, frame)
        try:
            prompts.add(*(replace(prompt, object_id=target_id) for prompt in moved))
        except UserError:
            dropped += moved
        prompts.clear(source_id, frame)
    return tuple(dropped)
