"""Propagation of the current object where its prompts have changed, or of all objects."""

from collections.abc import Iterable
from functools import partial

from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.volume_series.jobs import VolumeJobs
from napari_sam2.masks.mask import FrameResult
from napari_sam2.session.session import SegmentationSession
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.viewer.layer_sync import LayerSync

Range = tuple[int, int] | None
"""Half-open range of frames; None for the whole stack."""


class CorrectionJobs:
    """Starts propagations.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    runs : RunJobs
        Runs the propagations.

    Attributes
    ----------
    volumes : VolumeJobs
        Propagates through a series of volumes, if the session is along t and z.
    """

    def __init__(self, state: ControllerState, runs: RunJobs) -> None:
        self._state = state
        self._runs = runs
        self.volumes = VolumeJobs(state, runs)

    def n_frames(self, direction: PropagationDirection, frames: Range) -> int:
        """Return how many frames of the current object :meth:`propagate` would compute."""
        if self.volumes.active:
            return self.volumes.n_planes(direction)
        request = PropagationRequest(None, direction, frames)
        session, object_id = self._state.session, self._state.current
        if session is None or not self._is_open(object_id):
            return 0
        correction = session.correction(object_id, request)
        return 0 if correction is None else correction.n_frames

    def propagate(self, direction: PropagationDirection, frames: Range) -> None:
        """Propagate the current object where its prompts have changed.

        Parameters
        ----------
        direction : PropagationDirection
            Directions in which it is tracked.
        frames : (int, int) or None
            Half-open range (first, stop); None for the whole stack.
        """
        sync, object_id = self._state.sync, self._state.current
        if sync is None:
            return
        if not self.n_frames(direction, frames):
            self._state.notice.emit(self._nothing_to_do(sync, object_id))
            return
        if self.volumes.active:
            self.volumes.propagate((object_id,), direction, frames)
            return
        request = PropagationRequest((object_id,), direction, frames)
        steps = partial(_correct, object_id, request)
        self._runs.start(sync, steps, title=f"Propagate object {object_id}", objects=[object_id])

    def propagate_all(self, direction: PropagationDirection, frames: Range) -> None:
        """Propagate all objects that are not accepted over all frames of a range."""
        if self._state.sync is not None:
            self.propagate_objects(self._prompted(self._state.sync), direction, frames)

    def propagate_objects(
        self, object_ids: Iterable[int], direction: PropagationDirection, frames: Range
    ) -> None:
        """Propagate those of some objects that have prompts and are not accepted."""
        sync = self._state.sync
        if sync is None:
            return
        prompted = self._prompted(sync)
        ids = tuple(o for o in object_ids if o in prompted and self._is_open(o))
        if not ids:
            self._state.notice.emit("There is no object to propagate. Click an object first.")
            return
        if self.volumes.active:
            self.volumes.propagate(ids, direction, frames)
            return
        chosen = PropagationRequest(ids, direction, frames)
        title = f"Propagate {len(ids)} object{'s' * (len(ids) > 1)}"
        self._runs.start(sync, lambda session: session.propagate(chosen), title=title, objects=ids)

    def _prompted(self, sync: LayerSync) -> tuple[int, ...]:
        return sync.series.prompted() if self.volumes.active else sync.session.prompts.objects()

    def _is_open(self, object_id: int) -> bool:
        return self._state.is_open(object_id)

    def _nothing_to_do(self, sync: LayerSync, object_id: int) -> str:
        name, session = sync.sessions.objects[object_id].name, sync.session
        if not self._is_open(object_id):
            return f"{name} is accepted. Click on it to correct it; this reopens it."
        here = session.prompts.frames(object_id) or session.locked(object_id)
        if not here and not (self.volumes.active and object_id in sync.series.prompted()):
            others = " To propagate the other objects, press All." if sync.open_drafts() else ""
            return f"{name} has no prompt here. Click the object first.{others}"
        return f"{name} is up to date. Correct a frame, or propagate all objects."


def _correct(
    object_id: int, request: PropagationRequest, session: SegmentationSession
) -> Iterable[FrameResult]:
    """Return the steps; none if an earlier run has already computed the frames."""
    if session.correction(object_id, request) is None:
        return ()
    return session.propagate_correction(object_id, request)
