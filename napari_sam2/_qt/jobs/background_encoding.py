"""Encode what the user sees, then its neighbours, before the first click."""

from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_sam2._qt.jobs.queue import JobPriority, JobQueue
from napari_sam2.viewer.layer_sync import LayerSync

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor
_WANTED = (
    "pandas",
    "tqdm.auto",
    "multiprocessing.synchronize",
    "skimage.color",
    "skimage.draw",
    "skimage.exposure",
    "zarr",
    "dask.array",
    "napari_sam2.images.readers.arrays",
)


class BackgroundEncoder:
    """Follows the viewer's sliders with the model's eyes.

    Parameters
    ----------
    background : JobQueue
        Where encoding runs; clicks overtake it.
    """

    def __init__(self, background: JobQueue) -> None:
        self._background = background
        self._looked: tuple[Any, ...] = ()

    def forget(self) -> None:
        """Look again: the model, the image or its contrast has changed."""
        self._looked = ()

    def look(self, sync: LayerSync) -> None:
        """Encode the frame that is shown and those beside it, if that is not done yet."""
        place = (sync.fixed, sync.frame)
        if place == self._looked:
            return
        self._looked = place
        session, frame = sync.session, sync.frame
        self._background.submit("warm", partial(session.warm, frame), urgency=JobPriority.FRAME)
        for slot, near in (("after", frame + 1), ("before", frame - 1)):
            self._background.drop(slot)
            if 0 <= near < session.stack.n_frames:
                self._background.submit(
                    slot, partial(session.warm, near), urgency=JobPriority.NEIGHBOURS
                )


def import_ahead() -> None:
    """Import what the first layer and the first run would make the user wait for."""
    for name in _WANTED:
        with suppress(ImportError):
            import_module(name)


def leave_a_core(predictor: "Predictor") -> "Predictor":
    """Leave one processor core to the GUI."""
    import os
    import sys

    if "torch" in sys.modules:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        sys.modules["torch"].set_num_threads(max(1, (cores or 2) - 1))
    return predictor
