"""The prompts, predictions and objects that a session folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates
from napari_sam2.masks.store import MaskKey, MaskStore
from napari_sam2.prompts.prediction_states import PredictionKey, PredictionState
from napari_sam2.prompts.types import Prompt, PromptKey
from napari_sam2.session.history.edit_keys import EditKey, EditValue
from napari_sam2.session.objects import ObjectKey, SegmentedObject
from napari_sam2.session.storage.step_tables import SqliteStepStorage


@dataclass(frozen=True)
class SavedValues:
    """Values by key.

    Parameters
    ----------
    values : mapping
        Prompts, predictions and objects.
    positions : tuple of FixedPosition
        The positions of all sessions that have or had values.
    """

    values: Mapping[EditKey, EditValue]
    positions: tuple[FixedPosition, ...]

    @classmethod
    def of(cls, steps: SqliteStepStorage, masks: MaskStore, grid: LayerCoordinates) -> SavedValues:
        """Read the values of a session folder; masks are not read, only their planes."""
        values = steps.values()
        if not grid.others:
            return cls(values, ((),))
        keys = {*values, *(MaskKey(info.object_id, info.index) for info in masks.infos())}
        keys |= steps.edited_keys()
        found = {position for key in keys if (position := _position(key, grid)) is not None}
        return cls(values, tuple(sorted(found)))

    @property
    def objects(self) -> tuple[SegmentedObject, ...]:
        """All objects."""
        return tuple(item for key, item in self.values.items() if isinstance(key, ObjectKey))

    def prompts_at(self, position: FixedPosition) -> tuple[Prompt, ...]:
        """Return the prompts of a session."""
        return tuple(
            prompt
            for key, prompts in self.values.items()
            if isinstance(key, PromptKey) and key.position == position
            for prompt in prompts
        )

    def predictions_at(self, position: FixedPosition) -> dict[PredictionKey, PredictionState]:
        """Return the predictions of a session."""
        return {
            key: state
            for key, state in self.values.items()
            if isinstance(key, PredictionKey) and key.position == position
        }


def _position(key: EditKey, grid: LayerCoordinates) -> FixedPosition | None:
    if isinstance(key, ObjectKey):
        return None
    return grid.position(key.plane) if isinstance(key, MaskKey) else key.position
