"""Parent links between objects: which object divided into which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from napari_sam2.core.errors import UserError


class FrameSpan(NamedTuple):
    """The first and the last frame on which an object has pixels."""

    first: int
    last: int


@dataclass(frozen=True)
class Lineage:
    """The parents of objects.

    Parameters
    ----------
    parents : mapping of int to int
        The parent of each object that has one.

    Raises
    ------
    UserError
        If an object is its own ancestor.
    """

    parents: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked: set[int] = set()
        for object_id in self.parents:
            path = [object_id]
            while path[-1] in self.parents and path[-1] not in checked:
                parent = self.parents[path[-1]]
                if parent in path:
                    ids = " -> ".join(map(str, [*path[path.index(parent) :], parent]))
                    raise UserError(
                        f"The parent links form a circle: {ids}. Remove one of these links."
                    )
                path.append(parent)
            checked.update(path)

    def parent(self, object_id: int) -> int | None:
        """Return the parent of an object, or None."""
        return self.parents.get(object_id)

    def daughters(self, object_id: int) -> tuple[int, ...]:
        """Return the objects whose parent is an object, increasing."""
        return tuple(sorted(child for child, p in self.parents.items() if p == object_id))

    def founder(self, object_id: int) -> int:
        """Return the first ancestor of an object; the object itself if it has no parent."""
        while object_id in self.parents:
            object_id = self.parents[object_id]
        return object_id

    def with_parent(self, object_id: int, parent: int | None) -> Lineage:
        """Return the lineage with another parent of an object, None for none.

        Raises
        ------
        UserError
            If the object would be its own ancestor.
        """
        links = {child: p for child, p in self.parents.items() if child != object_id}
        return Lineage(links if parent is None else {**links, object_id: parent})

    def problems(self, spans: Mapping[int, FrameSpan]) -> Iterator[str]:
        """Yield a message for each link that does not fit the frames of its objects.

        Parameters
        ----------
        spans : mapping of int to FrameSpan
            Frames of all objects that have pixels.
        """
        for child, parent in sorted(self.parents.items()):
            if child not in spans or parent not in spans:
                missing = child if child not in spans else parent
                yield (
                    f"Object {missing} has no pixels, so its link to object "
                    f"{parent if missing == child else child} is not a link between tracks."
                )
            elif spans[parent].last >= spans[child].first:
                yield overlap_text(child, spans[child], parent, spans[parent])


def overlap_text(child: int, span: FrameSpan, parent: int, parent_span: FrameSpan) -> str:
    """Return the message for a parent that exists after its daughter began."""
    return (
        f"Object {parent} still exists on frame {parent_span.last}, but its daughter {child} "
        f"begins on frame {span.first}."
    )
