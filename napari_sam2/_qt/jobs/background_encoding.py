"""Jobs that encode the shown frame and its neighbors before they are clicked."""

from functools import partial

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.viewer.layer_sync import LayerSync

_NEIGHBORS = ((JobKind.ENCODE_NEXT, 1), (JobKind.ENCODE_PREVIOUS, -1))


class BackgroundEncoder:
    """Encodes the frame that the viewer shows, then the frames beside it.

    Parameters
    ----------
    queue : JobQueue
        The queue of clicks, which run first.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._encoded: tuple[FixedPosition, int] | None = None

    def reset(self) -> None:
        """Encode again, because the model, the image or its contrast has changed."""
        self._encoded = None

    def encode_shown(self, sync: LayerSync) -> None:
        """Submit the shown frame and its neighbors, unless they were submitted last."""
        fixed, frame = sync.dims.fixed, sync.dims.frame
        if (fixed, frame) == self._encoded:
            return
        self._encoded = fixed, frame
        session = sync.sessions[fixed]
        shown = JobKey(JobKind.ENCODE_SHOWN)
        self._queue.submit(shown, partial(session.warm, frame), priority=JobPriority.SHOWN_FRAME)
        for kind, step in _NEIGHBORS:
            self._queue.drop(JobKey(kind))
            if 0 <= frame + step < session.stack.n_frames:
                work = partial(session.warm, frame + step)
                self._queue.submit(JobKey(kind), work, priority=JobPriority.NEIGHBOR_FRAMES)
