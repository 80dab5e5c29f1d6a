"""Classes of objects in label files: where they are stored, and what a format cannot hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unicodedata import category

from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination, OutputKind

if TYPE_CHECKING:
    from napari_sam2.session.objects import SegmentedObject

UNCLASSIFIED = "object"
"""Category in COCO of objects without a class."""
_STORING = (OutputKind.COCO, OutputKind.OME_ZARR)


@dataclass(frozen=True)
class ObjectClasses:
    """The class of each object that has one.

    Parameters
    ----------
    names : mapping of int to str
        Class by object id.
    """

    names: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, objects: Iterable[SegmentedObject]) -> ObjectClasses:
        """Return the classes of objects; surrounding spaces do not count."""
        found = {item.id: item.label_class.strip() for item in objects}
        return cls({object_id: name for object_id, name in found.items() if name})

    @property
    def values(self) -> dict[str, int]:
        """Values of the classes in a semantic label image, from 1 in the order of their names."""
        return {name: value for value, name in enumerate(sorted(set(self.names.values())), 1)}

    def among(self, ids: Iterable[int]) -> ObjectClasses:
        """Return the classes of some objects."""
        return ObjectClasses({i: self.names[i] for i in ids if i in self.names})

    def check(self, output: OutputDestination, ids: Iterable[int]) -> None:
        """Check that an output can hold the names.

        Parameters
        ----------
        output : OutputDestination
            The output.
        ids : iterable of int
            All objects, also those without a class.

        Raises
        ------
        UserError
            If a name has a line break or another character that is no text, or is that of objects
            without a class.
        """
        if output.kind not in _STORING:
            return
        check_class_names(self.names.values(), output.path.name)
        bare = [i for i in ids if i not in self.names]
        if output.kind is OutputKind.COCO and bare and UNCLASSIFIED in self.names.values():
            raise UserError(
                f"In {output.path.name}, {UNCLASSIFIED!r} is the category of objects without a "
                f"class, e.g. {bare[0]}. Rename the class, or give all objects one."
            )

    def note(self, output: OutputDestination) -> str:
        """Return a message if an output does not store the classes; "" otherwise."""
        if not self.names or output.kind in _STORING:
            return ""
        return (
            f"{output.path.name} stores no classes of objects. Write .ome.zarr or .coco.json to "
            "keep them, or export semantic labels."
        )


NO_CLASSES = ObjectClasses()


def check_class_names(names: Iterable[str], target: str) -> None:
    """Raise UserError if a name of a class cannot be stored in ``target``, a file name."""
    for name in names:
        if any(category(letter) in ("Cc", "Cs") for letter in name):
            raise UserError(
                f"The class name {name!r} has a line break or another character that {target} "
                "cannot hold. Rename the class."
            )
