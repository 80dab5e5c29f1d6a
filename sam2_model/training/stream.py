"""Batches made ahead of time in another process, the same ones for the same seed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import numpy as np
from torch.utils.data import DataLoader, Dataset

from sam2_model.training.batch import Batch, collate
from sam2_model.training.samples import ClipSample, ClipSource
from sam2_model.training.schedule import Request

_PREFETCHED = 4


class RequestedBatches(Dataset[Batch]):
    """Batches indexed by requests: the same request always gives the same batch.

    Making a sample costs more than training on it. So samples are numbered, a step draws numbers
    from a window that slides on, and what was made lately is used again, flipped or turned.

    Parameters
    ----------
    source : ClipSource
        Of samples.
    seed : int
        Of the run.
    size : int, optional
        Side of the images in pixels; that of the samples by default.
    window : int
        Samples to choose from at each step.
    reuse : float
        How often a sample is used on average.
    """

    def __init__(
        self,
        source: ClipSource,
        seed: int,
        size: int | None = None,
        window: int = 256,
        reuse: float = 3,
    ) -> None:
        self.source = source
        self.seed = seed
        self.size = size
        self.window = window
        self.reuse = reuse
        self._made: OrderedDict[tuple[int, int, int], ClipSample] = OrderedDict()

    def __getitem__(self, request: Request) -> Batch:
        """Make the batch for a request."""
        rng = np.random.default_rng((self.seed, request.step))
        first = int(request.step * request.clips / self.reuse)
        numbers = first + rng.integers(self.window, size=request.clips)
        return collate([turned(self._sample(int(n), request), rng) for n in numbers], self.size)

    def _sample(self, number: int, request: Request) -> ClipSample:
        key = (number, request.frames, request.objects)
        if key not in self._made:
            rng = np.random.default_rng((self.seed, 1, *key))
            self._made[key] = self.source.sample(rng, request.frames, request.objects)
            if len(self._made) > 3 * self.window:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def batches(
    dataset: RequestedBatches, requests: Iterable[Request], *, background: bool
) -> Iterator[Batch]:
    """Yield the batch of each request, in order.

    Parameters
    ----------
    dataset : RequestedBatches
        Makes them.
    requests : iterable of Request
        May be endless; drawn a few steps ahead where ``background`` is set.
    background : bool
        Whether another process makes them.
    """
    if not background:
        yield from (dataset[request] for request in requests)
        return
    yield from DataLoader(
        dataset,
        batch_size=None,
        sampler=requests,
        num_workers=1,
        prefetch_factor=_PREFETCHED,
    )


def turned(sample: ClipSample, rng: np.random.Generator) -> ClipSample:
    """Flip a clip in space and in time, and turn it by quarters, at random."""
    images, masks, visible = sample.images, sample.masks, sample.visible
    if rng.random() < 0.5:
        images, masks, visible = images[::-1], masks[::-1], visible[::-1]
    if rng.random() < 0.5:
        images, masks = images[:, :, ::-1], masks[..., ::-1]
    quarters = int(rng.integers(4))
    return ClipSample(
        np.ascontiguousarray(np.rot90(images, quarters, axes=(1, 2))),
        np.ascontiguousarray(np.rot90(masks, quarters, axes=(-2, -1))),
        np.ascontiguousarray(visible),
    )
