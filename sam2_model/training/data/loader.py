"""Loading of clips, which worker processes make in advance."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import numpy as np
from torch.utils.data import DataLoader, Dataset

from sam2_model.training.data.batch import Clips, stack
from sam2_model.training.data.samples import ClipSample, ClipSource
from sam2_model.training.optim.schedule import Request

_PREFETCHED = 4
_PREFETCHED_BY_MANY = 2


class RequestedClips(Dataset[Clips]):
    """Clips indexed by requests: the same request always gives the same clips.

    One process makes samples more slowly than a model is trained on them. Samples are therefore
    numbered, a step draws numbers from a sliding window, and samples in memory are reused with
    random flips and rotations.

    Parameters
    ----------
    source : ClipSource
        Source of samples.
    seed : int
        Seed of the run.
    window : int
        Number of samples that a step draws from.
    reuse : float
        Mean number of uses of a sample; with 1, no sample is reused.
    """

    def __init__(
        self,
        source: ClipSource,
        seed: int,
        window: int = 256,
        reuse: float = 3,
    ) -> None:
        self.source = source
        self.seed = seed
        self.window = window
        self.reuse = reuse
        self._made: OrderedDict[tuple[int, int, int], ClipSample] = OrderedDict()

    def __getitem__(self, request: Request) -> Clips:
        """Return the clips of a request."""
        rng = np.random.default_rng((self.seed, request.step))
        numbers = self._numbers(request, rng)
        return stack([random_flip(self._sample(n, request), rng) for n in numbers])

    def _numbers(self, request: Request, rng: np.random.Generator) -> list[int]:
        first = int(request.step * request.clips / self.reuse)
        if self.reuse <= 1:
            return list(range(first, first + request.clips))
        return [first + int(n) for n in rng.integers(self.window, size=request.clips)]

    def _sample(self, number: int, request: Request) -> ClipSample:
        key = (number, request.frames, request.objects)
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        rng = np.random.default_rng((self.seed, 1, *key))
        made = self.source.sample(rng, request.frames, request.objects)
        if self.reuse > 1:
            self._made[key] = made
            if len(self._made) > 3 * self.window:
                self._made.popitem(last=False)
        return made


def requested(
    dataset: RequestedClips, requests: Iterable[Request], workers: int, *, pinned: bool = False
) -> Iterator[Clips]:
    """Yield the clips of each request, in order.

    Parameters
    ----------
    dataset : RequestedClips
        Clips by request.
    requests : iterable of Request
        Requests, which workers read some steps ahead; may have no end.
    workers : int
        Number of worker processes; 0 for this process.
    pinned : bool
        Whether clips are in page-locked memory, for asynchronous copies to a GPU.
    """
    if workers == 0:
        yield from (dataset[request] for request in requests)
        return
    yield from DataLoader(
        dataset,
        batch_size=None,
        sampler=requests,
        num_workers=workers,
        prefetch_factor=_PREFETCHED if workers == 1 else _PREFETCHED_BY_MANY,
        pin_memory=pinned,
    )


def random_flip(sample: ClipSample, rng: np.random.Generator) -> ClipSample:
    """Return a clip with random flips in space and time and a random rotation by quarter turns."""
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
