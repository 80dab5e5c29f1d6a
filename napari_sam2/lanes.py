"""One session for every position on the axes that are not propagated, sharing what they can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from napari_sam2.geometry import Index
from napari_sam2.layer_grid import Fixed, Grid
from napari_sam2.masks import MaskStore, MemoryMaskStore
from napari_sam2.objects import ObjectList
from napari_sam2.prompt_store import PromptStore
from napari_sam2.session import SegmentationSession
from napari_sam2.session_settings import SessionSettings
from napari_sam2.tally import Tally

if TYPE_CHECKING:
    from napari_sam2.intensity import Intensity
    from napari_sam2.predictor_protocol import Predictor
    from napari_sam2.split_labels import SplitLabels
    from napari_sam2.stack import Stack


class Lanes:
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
    labels : SplitLabels
        Drafts and results.
    settings : SessionSettings or None
        Choices that change results or resources.
    """

    def __init__(
        self,
        stack: Stack,
        predictor: Predictor,
        intensity: Intensity,
        labels: SplitLabels,
        settings: SessionSettings | None = None,
    ) -> None:
        self.stack = stack
        self.grid = Grid.of(stack)
        self.labels = labels
        self.masks: MaskStore = MemoryMaskStore()
        self.objects = ObjectList()
        self.tally = Tally()
        self.settings = settings or SessionSettings()
        self._predictor = predictor
        self._intensity = intensity
        self._sessions: dict[Fixed, SegmentationSession] = {}
        self._listeners: list[Callable[[SegmentationSession], None]] = []

    def __getitem__(self, fixed: Fixed) -> SegmentationSession:
        """Return the session of a position, made when it is first asked for."""
        if fixed not in self._sessions:
            self._sessions[fixed] = self._make(fixed, PromptStore(axis=self.stack.along))
        return self._sessions[fixed]

    def __iter__(self) -> Iterator[tuple[Fixed, SegmentationSession]]:
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

    def _make(self, fixed: Fixed, prompts: PromptStore) -> SegmentationSession:
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

    def _status_changed(self, object_id: int, index: Index) -> None:
        record = self.masks.get(object_id, index)
        self.tally.set_status(object_id, index, None if record is None else record.status)
