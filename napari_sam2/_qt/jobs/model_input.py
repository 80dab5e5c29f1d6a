"""Jobs around the image as the model sees it: its contrast, and a picture of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from napari_sam2._qt.jobs.background_encoding import BackgroundEncoder
from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.images.contrast_limits.automatic import AutomaticLimits, suggested_window
from napari_sam2.viewer.image_layers import intensity_from_layers


class ModelInputJobs:
    """Gives the model the contrast of the layers, and shows what it sees.

    Parameters
    ----------
    state : ControllerState
        The segmentation.
    queue : JobQueue
        The queue of clicks.
    encoder : BackgroundEncoder
        Encodes the shown frame again when the contrast has changed.
    """

    def __init__(self, state: ControllerState, queue: JobQueue, encoder: BackgroundEncoder) -> None:
        self._state = state
        self._queue = queue
        self._encoder = encoder

    def outdated(self) -> bool:
        """Return whether the layers are shown with another contrast or colors than the model's."""
        sync = self._state.sync
        if sync is None or not sync.alive:
            return False
        shown, used = intensity_from_layers(sync.images), sync.sessions.intensity
        return (shown.limits, shown.gamma, shown.colors) != (used.limits, used.gamma, used.colors)

    def update(self, show: Callable[[Any], None] = lambda _: None) -> None:
        """Apply the layers' contrast and colors, and pass on the shown frame as the model sees it.

        Parameters
        ----------
        show : Callable
            Receives the frame, (h, w, 3) uint8.
        """
        sync = self._state.sync
        if sync is None:
            return
        sessions, session, frame = sync.sessions, sync.session, sync.dims.frame
        intensity = intensity_from_layers(sync.images)

        def work() -> Any:
            if intensity != sessions.intensity:
                sessions.set_intensity(intensity)
            return session.encoder.image(session.stack.index(frame), session.placement.full)

        def done(image: Any) -> None:
            show(image)
            self._state.contrast_changed.emit()

        self._encoder.reset()
        self._queue.submit(JobKey(JobKind.SHOW_MODEL_INPUT), work, done, JobPriority.CLICK)

    def suggest_window(self, show: Callable[[AutomaticLimits | None], None]) -> None:
        """Pass on the contrast limits of a CT window; None if the image is not a CT."""
        if self._state.sync is not None:
            work = partial(suggested_window, self._state.sync.session.stack)
            self._queue.submit(JobKey(JobKind.SUGGEST_WINDOW), work, show)
