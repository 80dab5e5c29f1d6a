"""What an edit can change, and the place that a viewer shows for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.store import MaskKey
from napari_sam2.prompts.prediction_states import PredictionKey
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.objects import ObjectKey

EditKey = MaskKey | PromptKey | PredictionKey | ObjectKey
"""Identifies a value that edits replace."""
EditValue = Any
"""MaskRecord, tuple of prompts, PredictionState or SegmentedObject; None for no mask or object."""


@dataclass(frozen=True, slots=True)
class EditedPlace:
    """Where an edit was made.

    Parameters
    ----------
    object_id : int or None
        The label value; None if several objects were edited.
    frame : int or None
        Position along the propagated axis; None if there is none to show.
    index : tuple of int or None
        The plane's full index.
    """

    object_id: int | None = None
    frame: int | None = None
    index: PlaneIndex | None = None


@dataclass(frozen=True, slots=True)
class EditDescription:
    """A step that was undone or redone.

    Parameters
    ----------
    title : str
        What the step did, e.g. ``"Accept object 3"``.
    place : EditedPlace
        Where it was made.
    planes : frozenset of tuple
        Full indices of the planes whose masks changed.
    prompts : tuple of PromptKey
        Where prompts changed.
    objects : frozenset of int
        The objects that changed.
    """

    title: str
    place: EditedPlace
    planes: frozenset[PlaneIndex]
    prompts: tuple[PromptKey, ...]
    objects: frozenset[int]

    @property
    def where(self) -> str:
        """The title with the frame, e.g. ``"click on object 5, frame 18"``."""
        title = self.title[:1].lower() + self.title[1:]
        return title if self.place.frame is None else f"{title}, frame {self.place.frame}"
