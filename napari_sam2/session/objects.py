"""The objects of a segmentation: id, name, visibility, and what was tracked of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from napari_sam2.core.edit_log import EditLog, NullEditLog
from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.session.tracks.track_record import TrackRecord


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
    label_class : str
        The class of the object, e.g. ``"nucleus"``; "" for none.
    tracks : tuple of (FixedPosition, TrackRecord)
        What was tracked, for each position on the axes that are neither propagated nor in the
        plane.
    parent : int or None
        The object that divided into this one and others; None for none.
    """

    id: int
    name: str = ""
    hidden: bool = False
    label_class: str = ""
    tracks: tuple[tuple[FixedPosition, TrackRecord], ...] = ()
    parent: int | None = None

    def __post_init__(self) -> None:
        if self.id < 1:
            raise UserError(
                f"Object id {self.id} is not allowed: ids start at 1, 0 is the background."
            )

    def track(self, position: FixedPosition) -> TrackRecord:
        """Return what was tracked at a position."""
        return dict(self.tracks).get(position, TrackRecord())

    def with_track(self, position: FixedPosition, record: TrackRecord) -> SegmentedObject:
        """Return the object with another record at a position."""
        tracks = {**dict(self.tracks), position: record}
        return replace(self, tracks=tuple(sorted(tracks.items(), key=lambda item: item[0])))

    def to_json(self) -> dict[str, Any]:
        """Return a value that :mod:`json` can write; see :meth:`from_json`."""
        tracks = [[list(map(list, at)), record.to_json()] for at, record in self.tracks]
        return {
            "id": self.id,
            "name": self.name,
            "hidden": self.hidden,
            "label_class": self.label_class,
            "tracks": tracks,
            "parent": self.parent,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SegmentedObject:
        """Return the object from the value of :meth:`to_json`."""
        tracks = tuple(
            (tuple((str(axis), int(i)) for axis, i in at), TrackRecord.from_json(record))
            for at, record in value.get("tracks", ())
        )
        label_class = value.get("label_class", "")
        parent = value.get("parent")
        return cls(value["id"], value["name"], value["hidden"], label_class, tracks, parent)


class ObjectKey(NamedTuple):
    """Identifies an object in the list.

    Parameters
    ----------
    object_id : int
        The label value.
    """

    object_id: int


class ObjectList:
    """Objects by increasing id."""

    def __init__(self) -> None:
        self._objects: dict[int, SegmentedObject] = {}
        self.edits: EditLog = NullEditLog()

    def add(self, object_id: int | None = None, name: str = "") -> SegmentedObject:
        """Return the object with an id, by default the next free one; it is added if missing."""
        with self.edits.edit("Add an object"):
            new_id = max(self._objects, default=0) + 1 if object_id is None else object_id
            if new_id not in self._objects:
                self._write(new_id, SegmentedObject(new_id, name or f"object {new_id}"))
            return self._objects[new_id]

    def change(
        self,
        object_id: int,
        *,
        name: str | None = None,
        hidden: bool | None = None,
        label_class: str | None = None,
    ) -> None:
        """Rename, hide, show or classify an object."""
        with self.edits.edit(f"Change object {object_id}"):
            old = self[object_id]
            new = replace(
                old,
                name=old.name if name is None else name,
                hidden=old.hidden if hidden is None else hidden,
                label_class=old.label_class if label_class is None else label_class,
            )
            if new != old:
                self._write(object_id, new)

    @property
    def lineage(self) -> Lineage:
        """The parents of all objects."""
        return Lineage({o.id: o.parent for o in self if o.parent is not None})

    def set_parent(self, object_id: int, parent: int | None) -> None:
        """Set the parent of an object, None for none; links are not checked."""
        with self.edits.edit(f"Set the parent of object {object_id}"):
            old = self[object_id]
            if old.parent != parent:
                self._write(object_id, replace(old, parent=parent))

    def track(self, object_id: int, position: FixedPosition) -> TrackRecord:
        """Return what was tracked of an object at a position; nothing if it is not listed."""
        found = self._objects.get(object_id)
        return TrackRecord() if found is None else found.track(position)

    def set_track(self, object_id: int, position: FixedPosition, record: TrackRecord) -> None:
        """Replace what was tracked of an object at a position; nothing if it is not listed."""
        with self.edits.edit(f"Track object {object_id}"):
            found = self._objects.get(object_id)
            if found is not None and found.track(position) != record:
                self._write(object_id, found.with_track(position, record))

    def remove(self, object_id: int) -> None:
        """Remove an object."""
        with self.edits.edit(f"Remove object {object_id}"):
            self._write(self[object_id].id, None)

    def restore(self, objects: Iterable[SegmentedObject]) -> None:
        """Replace all objects by saved ones; nothing is recorded."""
        self._objects = {item.id: item for item in objects}

    def exchange(self, object_id: int, new: SegmentedObject | None) -> SegmentedObject | None:
        """Set an object, None for no object, and return the one before."""
        before = self._objects.get(object_id)
        with self.edits.edit("Set an object"):
            self._write(object_id, new)
        return before

    def _write(self, object_id: int, new: SegmentedObject | None) -> None:
        self.edits.record(ObjectKey(object_id), self._objects.get(object_id), new)
        objects = {**self._objects, object_id: new}
        # Replaced as a whole, so that another thread can iterate over the earlier objects.
        self._objects = {key: item for key, item in objects.items() if item is not None}

    def check(self, object_id: int) -> None:
        """Raise UserError if there is no such object."""
        if object_id not in self._objects:
            raise UserError(f"There is no object {object_id}.")

    def __getitem__(self, object_id: int) -> SegmentedObject:
        self.check(object_id)
        return self._objects[object_id]

    def __contains__(self, object_id: int) -> bool:
        return object_id in self._objects

    def __iter__(self) -> Iterator[SegmentedObject]:
        return iter([item for _, item in sorted(self._objects.items())])

    def __len__(self) -> int:
        return len(self._objects)
