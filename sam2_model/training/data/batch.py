"""Batches of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sam2_model.training.data.samples import ClipSample
from sam2_model.transforms import normalize

LOSS_STRIDE = 2
"""Pixels of the square input per pixel of the masks in losses."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips of equal length and their objects.

    Parameters
    ----------
    pixels : Tensor
        (C, T, 3, S, S) float32, normalized.
    masks : Tensor
        (B, T, S, S) bool, all objects of all clips.
    coverage : Tensor
        (B, T, S/2, S/2) float32, the fraction of each pixel that is covered, for the losses.
    clip_of : Tensor
        (B,) int64, each object's clip.
    """

    pixels: Tensor
    masks: Tensor
    coverage: Tensor
    clip_of: Tensor

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.clip_of)

    @property
    def frames(self) -> int:
        """Number of frames of each clip."""
        return self.pixels.shape[1]

    @property
    def present(self) -> Tensor:
        """Whether each object is visible on each frame, (B, T) bool."""
        return self.masks.flatten(2).any(2)

    def seen_on(self, frame: int) -> Batch:
        """Return the batch without objects that are absent on a frame."""
        return self._of(self.present[:, frame].nonzero()[:, 0])

    def first(self, count: int) -> Batch:
        """Return the batch with its first objects only."""
        return self._of(torch.arange(count, device=self.clip_of.device))

    def _of(self, objects: Tensor) -> Batch:
        return replace(
            self,
            masks=self.masks[objects],
            coverage=self.coverage[objects],
            clip_of=self.clip_of[objects],
        )


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips of equal length and size, before they are prepared for a model.

    Parameters
    ----------
    images : Tensor
        (C, T, H, H, 3) uint8.
    masks : Tensor
        (B, T, H, H) bool, all objects of all clips.
    clip_of : Tensor
        (B,) int64, each object's clip.
    """

    images: Tensor
    masks: Tensor
    clip_of: Tensor

    def pin_memory(self) -> Clips:
        """Return the clips in page-locked memory, for asynchronous copies to a GPU."""
        return Clips(self.images.pin_memory(), self.masks.pin_memory(), self.clip_of.pin_memory())

    def batch(self, size: int | None = None, device: torch.device | None = None) -> Batch:
        """Return the clips as a batch for a model.

        Parameters
        ----------
        size : int, optional
            Side of the model's square input in pixels.
        device : torch.device, optional
            Device of the batch.
        """
        images, masks, owners = (
            tensor.to(device, non_blocking=True)
            for tensor in (self.images, self.masks, self.clip_of)
        )
        pixels = images.movedim(-1, 2).float() / 255
        side = size or pixels.shape[-1]
        frames = normalize(_resized(pixels.flatten(0, 1), side, "bilinear"))
        return Batch(
            frames.unflatten(0, pixels.shape[:2]),
            _resized(masks.float(), side, "nearest-exact") > 0,
            _resized(masks.float(), side // LOSS_STRIDE, "area"),
            owners,
        )


def stack(samples: Sequence[ClipSample]) -> Clips:
    """Return clips of equal length and size as one object."""
    images: NDArray[np.uint8] = np.stack([sample.images for sample in samples])
    masks = np.concatenate([np.moveaxis(sample.masks, 1, 0) for sample in samples])
    owners = np.repeat(np.arange(len(samples)), [sample.masks.shape[1] for sample in samples])
    return Clips(torch.from_numpy(images), torch.from_numpy(masks), torch.from_numpy(owners))


def _resized(planes: Tensor, side: int, mode: str) -> Tensor:
    if planes.shape[-1] == side:
        return planes
    smooth = {"antialias": True, "align_corners": False} if mode == "bilinear" else {}
    return F.interpolate(planes, (side, side), mode=mode, **smooth)
