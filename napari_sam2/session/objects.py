"""The objects of a segmentation: id, name and visibility."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from napari_sam2.core.errors import UserError


@dataclass(frozen=True, slots=True)
class SegmentedObject:
    """One object.

    Parameters
    ----------
    id : int
        The label value, at least 1.
    name : str
        Name shown to the user.
    hidden : bool
        Whether viewers hide it.
    """

    id: int
    name: str = ""
    hidden: bool = False

    def __post_init__(self) -> None:
        if self.id < 1:
            raise UserError(
                f"Object id {self.id} is not allowed: ids start at 1, 0 is the background."
            )


class ObjectList:
    """Objects by increasing id."""

    def __init__(self) -> None:
        self._objects: dict[int, SegmentedObject] = {}

    def add(self, object_id: int | None = None, name: str = "") -> SegmentedObject:
        """Return the object with an id, by default the next free one; it is added if missing."""
        new_id = max(self._objects, default=0) + 1 if object_id is None else object_id
        if new_id not in self._objects:
            self._objects[new_id] = SegmentedObject(new_id, name or f"object {new_id}")
        return self._objects[new_id]

    def change(
        self, object_id: int, *, name: str | None = None, hidden: bool | None = None
    ) -> None:
        """Rename, hide or show an object."""
        old = self[object_id]
        self._objects[object_id] = replace(
            old,
            name=old.name if name is None else name,
            hidden=old.hidden if hidden is None else hidden,
        )

    def remove(self, object_id: int) -> None:
        """Remove an object."""
        del self._objects[self[object_id].id]

    def __getitem__(self, object_id: int) -> SegmentedObject:
        if object_id not in self._objects:
            raise UserError(f"There is no object {object_id}.")
        return self._objects[object_id]

    def __contains__(self, object_id: int) -> bool:
        return object_id in self._objects

    def __iter__(self) -> Iterator[SegmentedObject]:
        return iter([self._objects[key] for key in sorted(self._objects)])

    def __len__(self) -> int:
        return len(self._objects)
