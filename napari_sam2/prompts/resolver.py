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
        self._chosen: dict[tuple[int, int], MaskCrop] = {}
        self._corrected: dict[tuple[int, int], MaskCrop] = {}

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
        chosen = self._chosen.get((object_id, frame))
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
        previous = self._corrected.get((object_id, frame)) or self._tracked(object_id, frame)
        return PlanePrompts(points, labels, now.box, previous=previous if now.box is None else None)

    def choose(self, result: FrameResult, number: int) -> None:
        """Use candidate ``number`` of a preview as the object's mask; 0, the best, is no choice."""
        key = result.object_id, result.frame
        self._chosen.pop(key, None)
        if number > 0 and not result.crop.window.empty:
            self._chosen[key] = result.crop

    def prompts_changed(self, object_id: int, frame: int) -> None:
        """Drop the candidate that was chosen for the previous prompts."""
        self._chosen.pop((object_id, frame), None)
        if not self._prompts.get(object_id, frame):
            self._corrected.pop((object_id, frame), None)

    def forget(self, object_id: int) -> None:
        """Delete an object's prompts and chosen candidates."""
        self._prompts.clear(object_id)
        for crops in (self._chosen, self._corrected):
            for key in [key for key in crops if key[0] == object_id]:
                del crops[key]

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
        key = object_id, frame
        if key not in self._corrected:
            tracked = self._tracked(object_id, frame)
            if tracked is None:
                return None
            self._corrected[key] = tracked
        return self._corrected[key]

    def _tracked(self, object_id: int, frame: int) -> MaskCrop | None:
        info = self._masks.info(object_id, frame)
        if info is None or info.origin is MaskOrigin.PROMPT or info.window.empty:
            return None
        if info.excluded is not None:  # The mask is that of a neighbor.
            return None
        return self._stored(object_id, frame)

    def _stored(self, object_id: int, frame: int) -> MaskCrop:
        result = self._masks.result(object_id, frame)
        return MaskCrop.empty() if result is None else result.own_crop
