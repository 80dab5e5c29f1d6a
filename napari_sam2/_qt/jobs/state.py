"""What the jobs and the panels share: the session, the model, what runs and what is saved."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_sam2.prompts.types import PromptKey
from napari_sam2.viewer.guidance import WorkflowState
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.points import INSIDE

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.scores import ObjectProgress
    from napari_sam2.session.objects import SegmentedObject
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.session.volume_series.series_session import SeriesSession


class ControllerState(QObject):
    """The state of the widget on one viewer, read by panels and changed by jobs.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    parent : QObject or None
        Owner.

    Attributes
    ----------
    sync : LayerSync or None
        The segmentation, None before an image is chosen.
    predictor : Predictor or None
        The model in use, None before one is loaded.
    running : SegmentationSession, SeriesSession or None
        What propagates, refines a track or searches for candidates now.
    refining, searching : bool
        Whether that run refines masks, or searches for candidates and changes no mask.
    saved : Path or None
        The file of the labels.
    unsaved : bool
        Whether there are changes that are not in the file.
    pending_accepts : set of int
        Objects that the user has accepted and that wait for the runs before.
    """

    changed = Signal()
    """Something that the panels show has changed."""
    session_changed = Signal()
    """A session began or ended."""
    run_ended = Signal()
    """A propagation or a refinement of a track ended."""
    run_summarized = Signal(object)
    """The RunSummary of a run that ended."""
    labels_saved = Signal(object)
    """The Path of labels that were saved."""
    contrast_changed = Signal()
    """The contrast or the colors of the layers, or those of the model, changed."""
    notice = Signal(str)
    """A message for the user."""
    fault = Signal(object)
    """An ErrorMessage."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.sync: LayerSync | None = None
        self.predictor: Predictor | None = None
        self.running: SegmentationSession | SeriesSession | None = None
        self.refining = self.searching = False
        self.saved: Path | None = None
        self.unsaved = False
        self.pending_accepts: set[int] = set()

    @property
    def session(self) -> "SegmentationSession | None":
        """The session of the position that the viewer shows."""
        return None if self.sync is None else self.sync.session

    @property
    def current(self) -> int:
        """Id of the object that the next prompt belongs to; 0 without a session."""
        return 0 if self.sync is None else self.sync.prompt_layers.current

    @property
    def inside(self) -> bool:
        """Whether the next point lies inside the object."""
        return self.sync is None or self.sync.prompt_layers.sign == INSIDE

    @property
    def current_key(self) -> PromptKey | None:
        """The current object on the frame that is shown."""
        if self.sync is None:
            return None
        dims = self.sync.dims
        return PromptKey(dims.fixed, self.sync.prompt_layers.current, dims.frame)

    @property
    def objects(self) -> "list[SegmentedObject]":
        """All objects, by id."""
        return [] if self.sync is None else list(self.sync.sessions.objects)

    @property
    def n_frames(self) -> int:
        """Frames along the propagated axis; 1 without a session."""
        return 1 if self.sync is None else self.sync.sessions.stack.n_frames

    def progress(self, object_id: int) -> "ObjectProgress | None":
        """Return frames, lowest score and acceptance of an object."""
        return None if self.sync is None else self.sync.sessions.progress(object_id)

    def prompt_counts(self) -> Counter[int]:
        """Return how many prompts each object has."""
        sessions = [] if self.sync is None else [session for _, session in self.sync.sessions]
        return Counter(prompt.object_id for session in sessions for prompt in session.prompts)

    def is_open(self, object_id: int) -> bool:
        """Return whether an object is neither accepted nor about to be."""
        accepted = self.sync is not None and self.sync.prompts.accepted(object_id)
        return not accepted and object_id not in self.pending_accepts

    def accepted_count(self) -> int:
        """Return how many objects are accepted."""
        found = [self.progress(item.id) for item in self.objects]
        return sum(progress is not None and progress.accepted for progress in found)

    def _prompted_frames(self, object_id: int) -> int:
        """Return how many frames of the shown position, of a series of all, have prompts."""
        sync = self.sync
        if sync is None:
            return 0
        sessions = sync.series.volumes().values() if sync.sessions.series else (sync.session,)
        return sum(len(session.prompts.frames(object_id)) for session in sessions)

    def workflow(self, shown: WorkflowState) -> WorkflowState:
        """Return the state of the workflow.

        Parameters
        ----------
        shown : WorkflowState
            What panels know of it: image, model, tool and candidates.
        """
        session, progress = self.session, self.progress(self.current)
        if session is None or progress is None:
            return shown
        return replace(
            shown,
            has_image=True,
            session=True,
            prompts=self._prompted_frames(self.current),
            frames_done=progress.frames,
            frames=self.n_frames,
            running=self.running is not None,
            refining=self.refining,
            searching=self.searching,
            accepted=self.accepted_count(),
            unsaved=self.unsaved,
        )
