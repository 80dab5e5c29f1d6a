"""What a layer knows about the file that this plugin opened it from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Layer

METADATA_KEY = "napari-sam2"
"""Key of an :class:`OpenedFile` in the metadata of a layer."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that was opened as layers.

    Parameters
    ----------
    path : str
        A path or URL.
    notes : tuple of str
        Messages about what was assumed or left out.
    """

    path: str
    notes: tuple[str, ...] = ()


def opened_file(layer: Layer) -> OpenedFile | None:
    """Return the file of a layer that this plugin opened, None for other layers."""
    found = layer.metadata.get(METADATA_KEY)
    return found if isinstance(found, OpenedFile) else None


def layer_path(layer: Layer) -> Path | None:
    """Return the local file or folder of a layer, None if it has none."""
    ours = opened_file(layer)
    text = ours.path if ours is not None else layer.source.path
    path = None if text is None else Path(text)
    return path if path is not None and path.exists() else None
