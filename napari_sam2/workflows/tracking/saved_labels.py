"""The labels and the lineage of a saved session, without a model and without a viewer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.mask_labels import MaskLabels
from napari_sam2.images.coordinates import LayerCoordinates
from napari_sam2.session.storage.saved_values import SavedValues
from napari_sam2.session.storage.session_archive import ARCHIVE_SUFFIX, unpack_session
from napari_sam2.session.storage.session_folder import SessionFolder
from napari_sam2.session.storage.session_image import image_path, open_session_image

if TYPE_CHECKING:
    from napari_sam2.core.geometry import PlaneIndex
    from napari_sam2.images.stack import Stack
    from napari_sam2.session.objects import SegmentedObject


def is_session(path: Path) -> bool:
    """Return whether a path is the folder of a session, or a packed session."""
    return SessionFolder.exists(path) or path.name.endswith(ARCHIVE_SUFFIX)


@dataclass(frozen=True)
class SavedLabels:
    """Labels of a saved session.

    Parameters
    ----------
    stack : Stack
        The image of the session.
    folder : SessionFolder
        The open session.
    drafts : bool
        Whether masks that are not accepted are a part of the labels.
    """

    stack: Stack
    folder: SessionFolder
    drafts: bool

    @property
    def labels(self) -> MaskLabels:
        """The labels."""
        return MaskLabels(self.folder.masks, self.stack.shape, self.drafts)

    def read(self, index: PlaneIndex) -> NDArray[np.uint32]:
        """Return the labels (H, W) of a plane, given by its full index."""
        return self.labels.read(index)

    @property
    def planes(self) -> dict[PlaneIndex, list[int]]:
        """Planes with masks, by index, and the objects that have one there."""
        return self.labels.planes

    @property
    def objects(self) -> tuple[SegmentedObject, ...]:
        """All objects, with their names, classes and parents."""
        grid = LayerCoordinates.of(self.stack)
        return SavedValues.of(self.folder.steps, self.folder.masks, grid).objects

    @property
    def lineage(self) -> Lineage:
        """Parents of the objects."""
        return Lineage({o.id: o.parent for o in self.objects if o.parent is not None})

    @property
    def note(self) -> str:
        """A message about objects with masks that are left out; "" for none."""
        names = ", ".join(map(str, self.labels.left_out))
        left_out = f"Masks that are not accepted are left out, of object {names}."
        return f"{left_out} Add --drafts for all." if names else ""

    def check(self) -> None:
        """Raise UserError if the labels are empty."""
        if self.labels.empty:
            some = bool(self.labels.left_out)
            advice = "Accept objects first, or add --drafts." if some else "Segment objects first."
            raise UserError(f"The session has no accepted masks. {advice}")


@contextmanager
def open_saved_labels(
    path: Path, source: Path | str | None = None, *, drafts: bool = False
) -> Iterator[SavedLabels]:
    """Open a session for reading; nothing is changed.

    Parameters
    ----------
    path : Path
        The folder of the session, or the packed session.
    source : Path, str or None
        The image; None opens the file that the session names.
    drafts : bool
        Whether masks that are not accepted are a part of the labels.

    Raises
    ------
    UserError
        If there is no session, it is in use or damaged, or its image is not found.
    """
    with TemporaryDirectory() as temporary:
        packed = path.name.endswith(ARCHIVE_SUFFIX)
        folder = SessionFolder.open(unpack_session(path, Path(temporary)) if packed else path)
        try:
            description = folder.description
            stack = open_session_image(source or image_path(path, description), description)
            yield SavedLabels(stack, folder, drafts)
        finally:
            folder.close()
