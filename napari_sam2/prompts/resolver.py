"""What the model is asked: the user's prompts, locked masks, chosen candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.prompts.plane_prompts import MaskCrop, PlanePrompts, RunPrompts
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt

if TYPE_CHECKING:
    from napari_sam2.prompts.store import PromptStore

CERTAIN = 16.0
"""Logit of pixels that the user has decided."""


class StoredMasks(Protocol):
    """What is needed of the stored masks."""

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return an object's mask on a frame."""

    def locked(self) -> Mapping[int, tuple[int, ...]]:
        """Return the locked frames of each object."""


class PromptResolver:
    """Turns prompts into questions.

    Parameters
    ----------
    prompts : PromptStore
        What the user asked for.
    stored : StoredMasks
        Masks that corrections start from and locked masks that condition.
    """

    def __init__(self, prompts: PromptStore, stored: StoredMasks) -> None:
        self._prompts = prompts
        self._stored = stored
        self._chosen: dict[tuple[int, int], MaskCrop] = {}
        self._corrected: dict[tuple[int, int], MaskCrop] = {}

    def prompted(self) -> dict[int, tuple[int, ...]]:
        """Return the conditioning frames of each object: prompted and locked ones, sorted."""
        frames = {o: set(self._prompts.frames(o)) for o in self._prompts.objects()}
        for object_id, locked in self._stored.locked().items():
            frames.setdefault(object_id, set()).update(locked)
        return {object_id: tuple(sorted(frames[object_id])) for object_id in sorted(frames)}

    def resolve(self, object_id: int, frame: int) -> PlanePrompts:
        """Return all that is asked about an object on a frame."""
        if frame in self._stored.locked().get(object_id, ()):
            return PlanePrompts(mask=self._mask_of(object_id, frame))
        question = self._from_prompts(object_id, frame)
        chosen = self._chosen.get((object_id, frame))
        if chosen is not None:
            return replace(question, mask=chosen)
        if question.mask is not None or question.box is not None:
            return question
        return replace(question, previous=self._previous(object_id, frame))

    def resolve_with_click(self, click: PointPrompt) -> PlanePrompts:
        """Return what would be asked if there were one more click; nothing is taken note of."""
        object_id, frame = click.object_id, click.frame
        if frame in self._stored.locked().get(object_id, ()):
            return self.resolve(object_id, frame)
        now = self._from_prompts(object_id, frame)
        points = np.concatenate([now.points, np.array([click.yx], dtype=np.float64)])
        labels = np.append(now.labels, np.int64(click.label))
        before = self._corrected.get((object_id, frame)) or self._tracked(object_id, frame)
        return PlanePrompts(points, labels, now.box, previous=before if now.box is None else None)

    def choose(self, result: FrameResult, number: int) -> None:
        """Take a candidate for what the prompts mean; the first one needs no choice."""
        key = result.object_id, result.frame
        self._chosen.pop(key, None)
        if number > 0 and not result.window.empty:
            self._chosen[key] = MaskCrop(result.window, result.logits)

    def prompts_changed(self, object_id: int, frame: int) -> None:
        """Forget the candidate that was chosen for the prompts before."""
        self._chosen.pop((object_id, frame), None)
        if not self._prompts.get(object_id, frame):
            self._corrected.pop((object_id, frame), None)

    def forget(self, object_id: int) -> None:
        """Drop an object's prompts and choices."""
        self._prompts.clear(object_id)
        for kept in (self._chosen, self._corrected):
            for key in [key for key in kept if key[0] == object_id]:
                del kept[key]

    def resolve_run(self, prompted: Mapping[int, Sequence[int]]) -> RunPrompts:
        """Return all questions of a run as they are now; later edits do not touch them."""
        return RunPrompts(
            {(o, f): self.resolve(o, f) for o, frames in prompted.items() for f in frames}
        )

    def _from_prompts(self, object_id: int, frame: int) -> PlanePrompts:
        prompts = self._prompts.get(object_id, frame)
        points = [p for p in prompts if isinstance(p, PointPrompt)]
        boxes = [p for p in prompts if isinstance(p, BoxPrompt)]
        masks = [p for p in prompts if isinstance(p, MaskPrompt)]
        if masks:
            mask = masks[-1]
            return PlanePrompts(mask=MaskCrop.of_mask(mask.mask, mask.offset, CERTAIN))
        box = np.array([boxes[-1].yx0, boxes[-1].yx1], dtype=np.float64) if boxes else None
        return PlanePrompts(
            points=np.array([p.yx for p in points], dtype=np.float64).reshape(-1, 2),
            labels=np.array([p.label for p in points], dtype=np.int64),
            box=box,
        )

    def _previous(self, object_id: int, frame: int) -> MaskCrop | None:
        """Return the tracked mask that the prompts correct, as it was when they came."""
        key = object_id, frame
        if key not in self._corrected:
            tracked = self._tracked(object_id, frame)
            if tracked is None:
                return None
            self._corrected[key] = tracked
        return self._corrected[key]

    def _tracked(self, object_id: int, frame: int) -> MaskCrop | None:
        result = self._stored.result(object_id, frame)
        if result is None or result.direction is MaskOrigin.PROMPT or result.window.empty:
            return None
        return MaskCrop(result.window, result.logits)

    def _mask_of(self, object_id: int, frame: int) -> MaskCrop:
        result = self._stored.result(object_id, frame)
        return MaskCrop.empty() if result is None else MaskCrop(result.window, result.logits)
