"""A user of a viewer without a window: masks are predicted in the calling thread."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks

from napari_sam2.viewer.contributions.commands import start_session
from napari_sam2.viewer.layer_sync import LayerSync
from tests.helpers.fakes import FakePredictor


@dataclass(frozen=True)
class ModelUser:
    """Edits prompt layers; the mask of each edit is there when the call returns."""

    viewer: ViewerModel
    sync: LayerSync

    @classmethod
    def start(cls, viewer: ViewerModel, **options: Any) -> ModelUser:
        """Start a session on the viewer's image."""
        start_session(viewer, model=FakePredictor(), **options)
        sync = LayerSync.find(viewer)
        assert sync is not None
        sync.events.prompts_changed.connect(sync.prompts.predict)
        return cls(viewer, sync)

    @classmethod
    def open(cls, image: np.ndarray, **options: Any) -> ModelUser:
        viewer = ViewerModel()
        viewer.add_image(image, **options)
        return cls.start(viewer)

    @property
    def points(self) -> Any:
        return self.sync.layers.points.layer

    @property
    def shapes(self) -> Any:
        return self.sync.layers.shapes.layer

    @property
    def prompts(self) -> list[Any]:
        return list(self.sync.session.prompts)

    def click(self, *where: float) -> None:
        self.points.add(np.array(where, float))

    def drafts(self) -> np.ndarray:
        return np.asarray(self.sync.layers.drafts.data)

    def labels(self) -> np.ndarray:
        return np.asarray(self.sync.layers.results.data)


def mouse_event(viewer: Any, kind: str, data: Any, modifiers: tuple[str, ...] = ()) -> Any:
    """Return napari's event for the mouse at a position of the first layer."""
    return SimpleNamespace(
        type=kind,
        position=tuple(viewer.layers[0].data_to_world(data)),
        pos=np.array([100.0, 100.0]),
        modifiers=modifiers,
        is_dragging=False,
        button=1,
        handled=False,
    )


def send(viewer: Any, callbacks: Any, event: Any) -> None:
    """Pass an event to the callbacks of the viewer and of the active layer."""
    callbacks(viewer, event)
    callbacks(viewer.layers.selection.active, event)


def press(viewer: Any, *data: float, modifiers: tuple[str, ...] = ()) -> None:
    send(viewer, mouse_press_callbacks, mouse_event(viewer, "mouse_press", data, modifiers))


def click(viewer: Any, *data: float, modifiers: tuple[str, ...] = ()) -> None:
    """Press and release the mouse."""
    press(viewer, *data, modifiers=modifiers)
    send(viewer, mouse_release_callbacks, mouse_event(viewer, "mouse_release", data, modifiers))
