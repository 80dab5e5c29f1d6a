"""Combines user prompts, locked masks and chosen candidates into prompts for the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin
from napari_sam2.prompts.plane_prompts import PlanePrompts, RunPrompts
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt

if TYPE_CHECKING:
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.prompts.store import PromptStore


class PromptResolver:
    """Turns the prompts of an object on a frame into the prompts that the model is given.

    Parameters
    ----------
    prompts : PromptStore
        The user's prompts.
    masks : SegmentationStore
        Stored masks: corrections start from them, and locked ones are prompts themselves.
    """

    def __init__(self, prompts: PromptStore, masks: SegmentationStore) -> None:
        self._prompts = prompts
        self._masks = masks
        self._predictions = prompts.predictions

    def conditioning_frames(self) -> dict[int, tuple[int, ...]]:
        """Return the frames with prompts or a locked mask of each object, increasing."""
        frames = {o: set(self._prompts.frames(o)) for o in self._prompts.objects()}
        for object_id, locked in self._masks.locked().items():
            frames.setdefault(object_id, set()).update(locked)
        return {object_id: tuple(sorted(frames[object_id])) for object_id in sorted(frames)}

    def resolve(self, object_id: int, frame: int) -> PlanePrompts:
        """Return all prompts of an object on a frame.

        A locked mask takes precedence over prompts, and a candidate that the user chose over
        points and box. Points without a box correct the tracked mask, if there is one.
        """
        if self._masks.is_locked(object_id, frame):
            return PlanePrompts(mask=self._stored(object_id, frame))
        prompts = self._from_user(object_id, frame)
        chosen = self._predictions.get(object_id, frame).chosen
        if chosen is not None:
            return replace(prompts, mask=chosen)
        if prompts.mask is not None or prompts.box is not None:
            return prompts
        return replace(prompts, previous=self._previous(object_id, frame))

    def resolve_with_click(self, click: PointPrompt) -> PlanePrompts:
        """Return the prompts of :meth:`resolve` with one more click; nothing is stored."""
        object_id, frame = click.object_id, click.frame
        if self._masks.is_locked(object_id, frame):
            return self.resolve(object_id, frame)
        now = self._from_user(object_id, frame)
        points = np.concatenate([now.points, np.array([click.yx], dtype=np.float64)])
        labels = np.append(now.labels, np.int64(click.label))
        corrected = self._predictions.get(object_id, frame).corrected
        previous = corrected or self._tracked(object_id, frame)
        return PlanePrompts(points, labels, now.box, previous=previous if now.box is None else None)

    def choose(self, result: FrameResult, number: int) -> None:
        """Use candidate ``number`` of a preview as the object's mask; 0, the best, is no choice."""
        kept = number > 0 and not result.crop.window.empty
        chosen = result.crop if kept else None
        self._predictions.change(result.object_id, result.frame, chosen=chosen)

    def resolve_run(self, conditioning: Mapping[int, Sequence[int]]) -> RunPrompts:
        """Return the prompts of all conditioning frames; later edits do not change them."""
        return RunPrompts(
            {(o, f): self.resolve(o, f) for o, frames in conditioning.items() for f in frames}
        )

    def _from_user(self, object_id: int, frame: int) -> PlanePrompts:
        prompts = self._prompts.get(object_id, frame)
        points = [p for p in prompts if isinstance(p, PointPrompt)]
        boxes = [p for p in prompts if isinstance(p, BoxPrompt)]
        masks = [p for p in prompts if isinstance(p, MaskPrompt)]
        if masks:
            return PlanePrompts(mask=MaskCrop.from_mask(masks[-1].mask, masks[-1].offset))
        box = np.array([boxes[-1].yx0, boxes[-1].yx1], dtype=np.float64) if boxes else None
        return PlanePrompts(
            points=np.array([p.yx for p in points], dtype=np.float64).reshape(-1, 2),
            labels=np.array([p.label for p in points], dtype=np.int64),
            box=box,
        )

    def _previous(self, object_id: int, frame: int) -> MaskCrop | None:
        """Return the tracked mask that the prompts correct, as it was before the first prompt."""
        corrected = self._predictions.get(object_id, frame).corrected
        if corrected is None:
            corrected = self._tracked(object_id, frame)
            if corrected is not None:
                self._predictions.change(object_id, frame, corrected=corrected)
        return corrected

    def _tracked(self, object_id: int, frame: int) -> MaskCrop | None:
        info = self._masks.info(object_id, frame)
        if info is None or info.origin is MaskOrigin.PROMPT or info.window.empty:
            return None
        return self._stored(object_id, frame)

    def _stored(self, object_id: int, frame: int) -> MaskCrop:
        result = self._masks.result(object_id, frame)
        return MaskCrop.empty() if result is None else result.crop
