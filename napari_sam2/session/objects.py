"""The objects of a segmentation: id, name, visibility, and what was tracked of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.session.track_record import TrackRecord


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
    tracks : tuple of (FixedPosition, TrackRecord)
        What was tracked, for each position on the axes that are neither propagated nor in the
        plane.
    """

    id: int
    name: str = ""
    hidden: bool = False
    tracks: tuple[tuple[FixedPosition, TrackRecord], ...] = ()

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
        """Return the object as JSON values; see :meth:`from_json`."""
        tracks = [[list(map(list, at)), record.to_json()] for at, record in self.tracks]
        return {"id": self.id, "name": self.name, "hidden": self.hidden, "tracks": tracks}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SegmentedObject:
        """Return the object from the value of :meth:`to_json`."""
        tracks = tuple(
            (tuple((str(axis), int(i)) for axis, i in at), TrackRecord.from_json(record))
            for at, record in value.get("tracks", ())
        )
        return cls(value["id"], value["name"], value["hidden"], tracks)


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

    def track(self, object_id: int, position: FixedPosition) -> TrackRecord:
        """Return what was tracked of an object at a position; nothing if it is not listed."""
        found = self._objects.get(object_id)
        return TrackRecord() if found is None else found.track(position)

    def set_track(self, object_id: int, position: FixedPosition, record: TrackRecord) -> None:
        """Replace what was tracked of an object at a position; nothing if it is not listed."""
        found = self._objects.get(object_id)
        if found is not None and found.track(position) != record:
            self._objects[object_id] = found.with_track(position, record)

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
