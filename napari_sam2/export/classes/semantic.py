"""Semantic labels: the value of a pixel is the class of its object, not the object."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.export.classes.object_classes import ObjectClasses, check_class_names
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import replaced_output, write_label_output

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack


@dataclass(frozen=True)
class SemanticLabels:
    """Labels with classes in place of objects; objects without a class are background.

    Parameters
    ----------
    stack : Stack
        The image.
    objects : callable
        Returns the labels (H, W) of a plane, whose values are object ids.
    classes : ObjectClasses
        The classes.

    Raises
    ------
    UserError
        If no object has a class, or the name of one cannot be stored.
    """

    stack: Stack
    objects: Callable[[PlaneIndex], NDArray[Any]]
    classes: ObjectClasses

    def __post_init__(self) -> None:
        if not self.classes.names:
            raise UserError(
                "No object has a class. Set classes in the table of objects of the widget, or by "
                "session.set_class."
            )
        check_class_names(self.classes.names.values(), "the table of classes")

    def read(self, index: PlaneIndex, window: Window | None = None) -> NDArray[Any]:
        """Return the labels (H, W) of a plane, or of a window of it."""
        values = self.classes.values
        labels = self.objects(index)
        present, inverse = np.unique(labels, return_inverse=True)
        names = (self.classes.names.get(int(label)) for label in present)
        new = np.array([0 if name is None else values[name] for name in names], np.uint16)
        found = new[inverse.reshape(labels.shape)]
        return found if window is None else found[window.slices]

    def write(self, output: OutputDestination, indices: Iterable[PlaneIndex]) -> Path:
        """Write some planes and the table of classes beside them; return the table's path.

        The table has the columns ``value``, ``class`` and ``objects``, the number of objects.

        Parameters
        ----------
        output : OutputDestination
            The labels; an earlier output is replaced at the end.
        indices : iterable of tuple of int
            The planes with objects; the others are 0.
        """
        values = self.classes.values
        names = ObjectClasses({value: name for name, value in values.items()})
        with replaced_output(output.path) as temporary:
            write_label_output(temporary, self.stack, self, indices, names.names, classes=names)
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("value", "class", "objects"))
        counts = Counter(self.classes.names.values())
        writer.writerows((value, name, counts[name]) for name, value in values.items())
        write_text(class_table(output.path), text.getvalue())
        return class_table(output.path)


def class_table(path: Path) -> Path:
    """Return the path of the table of classes of semantic labels."""
    return path.with_name(path.name + ".classes.csv")
