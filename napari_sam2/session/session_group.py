"""One session for every position on the axes that are not propagated, sharing what they can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates
from napari_sam2.masks.scores import Tally
from napari_sam2.masks.store import MaskStore, MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.objects import ObjectList
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_array import DraftAndResultLabels


class SessionGroup:
    """Sessions on one image: of a 3D+t image one for each depth, else a single one.

    Masks, labels, the list of objects and the model are shared; prompts belong to a lane.

    Parameters
    ----------
    stack : Stack
        The image; where it is fixed does not matter.
    predictor : Predictor
        The model.
    intensity : Intensity
        What the model sees of raw values.
    labels : DraftAndResultLabels
        Drafts and results.
    settings : SessionSettings or None
        Choices that change results or resources.
    """

    def __init__(
        self,
        stack: Stack,
        predictor: Predictor,
        intensity: Intensity,
        labels: DraftAndResultLabels,
        settings: SessionSettings | None = None,
    ) -> None:
        self.stack = stack
        self.grid = LayerCoordinates.of(stack)
        self.labels = labels
        self.masks: MaskStore = MemoryMaskStore()
        self.objects = ObjectList()
        self.tally = Tally()
        self.settings = settings or SessionSettings()
        self._predictor = predictor
        self._intensity = intensity
        self._sessions: dict[FixedPosition, SegmentationSession] = {}
        self._listeners: list[Callable[[SegmentationSession], None]] = []

    def __getitem__(self, fixed: FixedPosition) -> SegmentationSession:
        """Return the session of a position, made when it is first asked for."""
        if fixed not in self._sessions:
            self._sessions[fixed] = self._make(fixed, PromptStore(axis=self.stack.along))
        return self._sessions[fixed]

    def __iter__(self) -> Iterator[tuple[FixedPosition, SegmentationSession]]:
        return iter(list(self._sessions.items()))

    def listen(self, made: Callable[[SegmentationSession], None]) -> None:
        """Have ``made`` called with every session, those that exist and those to come."""
        self._listeners.append(made)
        for session in self._sessions.values():
            made(session)

    def unlisten(self, made: Callable[[SegmentationSession], None]) -> None:
        """Forget what was given to :meth:`listen`; sessions that exist keep what it connected."""
        if made in self._listeners:
            self._listeners.remove(made)

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self._predictor

    @property
    def intensity(self) -> Intensity:
        """What the model sees of raw values."""
        return self._intensity

    def show(self, intensity: Intensity) -> None:
        """Change what the model sees, for all lanes."""
        self._intensity = intensity
        for session in self._sessions.values():
            session.intensity = intensity

    def use(self, predictor: Predictor) -> None:
        """Change the model; prompts and masks stay."""
        self._predictor = predictor
        for fixed, old in list(self._sessions.items()):
            self._sessions[fixed] = self._make(fixed, old.prompts)

    def _make(self, fixed: FixedPosition, prompts: PromptStore) -> SegmentationSession:
        session = SegmentationSession(
            self.stack.with_along(self.stack.along, dict(fixed)),
            self._predictor,
            intensity=self._intensity,
            prompts=prompts,
            masks=self.masks,
            labels=self.labels,
            settings=self.settings,
        )
        session.objects = self.objects
        session.events.result.connect(self.tally.add)
        session.events.masks.connect(self._status_changed)
        for made in self._listeners:
            made(session)
        return session

    def _status_changed(self, object_id: int, index: PlaneIndex) -> None:
        record = self.masks.get(object_id, index)
        self.tally.set_status(object_id, index, None if record is None else record.status)
