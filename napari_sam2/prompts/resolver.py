"""Combines user prompts, locked masks and chosen candidates into prompts for the model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin
from napari_sam2.prompts.plane_prompts import PlanePrompts, RunPrompts, cut_to_plane
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt

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
    shape : tuple of int
        Height and width of the plane, in pixels; boxes and masks are cut at its edges.
    """

    def __init__(
        self, prompts: PromptStore, masks: SegmentationStore, shape: tuple[int, int]
    ) -> None:
        self._prompts = prompts
        self._masks = masks
        self._predictions = prompts.predictions
        self._shape = shape

    def conditioning_frames(self) -> dict[int, tuple[int, ...]]:
        """Return the frames with prompts or a locked mask of each object, increasing.

        Frames on which the user left nothing of the object, see :meth:`emptied`, are not among
        them: they do not show the model where the object is, and must not end its track.
        """
        objects = sorted({*self._prompts.objects(), *self._masks.locked()})
        return {object_id: self.conditioning_frames_of(object_id) for object_id in objects}

    def conditioning_frames_of(self, object_id: int) -> tuple[int, ...]:
        """Return the frames of :meth:`conditioning_frames` of one object."""
        locked = self._masks.locked().get(object_id, ())
        frames = {*self._prompts.frames(object_id), *locked}
        return tuple(sorted(frames.difference(self.emptied(object_id))))

    def trims(self, object_id: int) -> list[int]:
        """Return the frames whose prompts are points outside that correct a mask, increasing.

        Such points only remove pixels. Locked frames are not among them.
        """
        frames = self._prompts.frames(object_id)
        return [f for f in frames if self._trimmed(object_id, f) is not None]

    def emptied(self, object_id: int) -> list[int]:
        """Return the frames without a pixel that are locked or were trimmed, increasing."""
        frames = {*self._masks.locked().get(object_id, ()), *self.trims(object_id)}
        return sorted(f for f in frames if self._is_empty(object_id, f))

    def digests(self, object_id: int) -> dict[int, str]:
        """Return a hash of an object's prompts on each frame where they condition a run."""
        emptied = set(self.emptied(object_id))
        frames = [f for f in self._prompts.frames(object_id) if f not in emptied]
        return {frame: self._digest(object_id, frame) for frame in frames}

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
        """Return the prompts of all conditioning frames; later edits do not change them.

        A trimmed mask is given as it is stored.
        """
        return RunPrompts(
            {
                (o, f): self.resolve(o, f)
                if self._trimmed(o, f) is None
                else PlanePrompts(mask=self._stored(o, f))
                for o, frames in conditioning.items()
                for f in frames
            }
        )

    def _from_user(self, object_id: int, frame: int) -> PlanePrompts:
        prompts = self._prompts.get(object_id, frame)
        points = [p for p in prompts if isinstance(p, PointPrompt)]
        boxes = [p for p in prompts if isinstance(p, BoxPrompt)]
        masks = [p for p in prompts if isinstance(p, MaskPrompt)]
        box = np.array([boxes[-1].yx0, boxes[-1].yx1], dtype=np.float64) if boxes else None
        given = PlanePrompts(
            points=np.array([p.yx for p in points], dtype=np.float64).reshape(-1, 2),
            labels=np.array([p.label for p in points], dtype=np.int64),
            box=box,
            mask=MaskCrop.from_mask(masks[-1].mask, masks[-1].offset) if masks else None,
        )
        return cut_to_plane(given, self._shape, f"object {object_id} on frame {frame}")

    def _trimmed(self, object_id: int, frame: int) -> MaskCrop | None:
        """Return the mask that points outside trim; None if the prompts are of another kind."""
        prompts = self._prompts.get(object_id, frame)
        if not prompts or self._masks.is_locked(object_id, frame) or not _only_outside(prompts):
            return None
        state = self._predictions.get(object_id, frame)
        if state.chosen is not None:
            return None
        return state.corrected or self._tracked(object_id, frame)

    def _is_empty(self, object_id: int, frame: int) -> bool:
        info = self._masks.info(object_id, frame)
        return info is not None and info.area == 0

    def _digest(self, object_id: int, frame: int) -> str:
        digest = hashlib.sha256()
        for prompt in self._prompts.get(object_id, frame):
            if isinstance(prompt, MaskPrompt):
                digest.update(f"{prompt.offset} {prompt.mask.shape}".encode())
                digest.update(np.packbits(prompt.mask).tobytes())
            else:
                digest.update(repr(_with_plain_numbers(prompt)).encode())
        chosen = self._predictions.get(object_id, frame).chosen
        if chosen is not None:
            digest.update(str(chosen.window).encode() + (chosen.logits > 0).tobytes())
        return digest.hexdigest()[:16]

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
        if info.excluded is not None:  # The mask is that of a neighbor.
            return None
        return self._stored(object_id, frame)

    def _stored(self, object_id: int, frame: int) -> MaskCrop:
        result = self._masks.result(object_id, frame)
        return MaskCrop.empty() if result is None else result.own_crop


def _only_outside(prompts: Iterable[Prompt]) -> bool:
    return all(isinstance(prompt, PointPrompt) and not prompt.label for prompt in prompts)


def _with_plain_numbers(prompt: PointPrompt | BoxPrompt) -> PointPrompt | BoxPrompt:
    """Return a prompt whose text does not depend on the type of its numbers."""
    if isinstance(prompt, PointPrompt):
        return replace(prompt, yx=_plain(prompt.yx))
    return replace(prompt, yx0=_plain(prompt.yx0), yx1=_plain(prompt.yx1))


def _plain(yx: tuple[float, float]) -> tuple[float, float]:
    y, x = np.asarray(yx).tolist()
    return y, x
