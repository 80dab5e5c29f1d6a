"""Labels that are measured, read plane by plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.masks.label_values import whole_labels

if TYPE_CHECKING:
    from napari_sam2.core.geometry import PlaneIndex
    from napari_sam2.images.calibration import Calibration
    from napari_sam2.images.stack import Stack
    from napari_sam2.session.objects import SegmentedObject

PARENT = "parent"
"""Name of the column of parents."""


@dataclass(frozen=True)
class LabelPlanes:
    """Labels with the axes, lengths and pixel sizes of a stack.

    Parameters
    ----------
    stack : Stack
        The labels, or the image that they belong to; frames along t or z.
    read : callable
        Returns the labels (H, W), integers, of a plane, given by its full index.
    sizes : Calibration or None
        Pixel sizes in place of those of the stack.

    Raises
    ------
    UserError
        If frames lie along y or x.
    """

    stack: Stack
    read: Callable[[PlaneIndex], NDArray[Any]]
    sizes: Calibration | None = None

    def __post_init__(self) -> None:
        if self.stack.plane != ("y", "x"):
            raise UserError(
                f"The frames of {self.stack.name} lie along {self.stack.along}. Only planes of y "
                "and x are measured here. Measure the saved session by napari-sam2 measure, or "
                "save the labels to a file and measure the file."
            )

    @classmethod
    def of_labels(cls, labels: Stack) -> LabelPlanes:
        """Return the planes of a label image.

        Raises
        ------
        UserError
            If it has channels; when it is read, if it holds other values than labels.
        """
        if labels.n_channels > 1:
            raise UserError(
                f"{labels.name} has {labels.n_channels} channels, labels have none. "
                "Give a label image."
            )
        return cls(labels, lambda index: whole_labels(labels.read(index).reshape(labels.shape)))

    @property
    def calibration(self) -> Calibration:
        """Pixel sizes and time interval."""
        return self.stack.calibration if self.sizes is None else self.sizes

    @property
    def lengths(self) -> dict[str, int]:
        """Number of positions on each axis, by upper-case letter."""
        return dict(zip(self.stack.label_axes, self.stack.label_shape, strict=True))


@dataclass(frozen=True)
class ObjectAttributes:
    """What is known of objects besides their pixels, e.g. their class.

    Parameters
    ----------
    columns : tuple of str
        Names of the attributes.
    values : mapping of int to tuple
        A value for each column, by label.
    """

    columns: tuple[str, ...] = ()
    values: Mapping[int, tuple[object, ...]] = field(default_factory=dict)

    @classmethod
    def of_objects(cls, objects: Iterable[SegmentedObject]) -> ObjectAttributes:
        """Return names, classes and parents; a class or parent that is not set is None."""
        values = {o.id: (o.name, o.label_class or None, o.parent) for o in objects}
        return cls(("name", "class", PARENT), values)

    def of(self, label: int) -> dict[str, object]:
        """Return the attributes of an object; None where nothing is known."""
        nothing = (None,) * len(self.columns)
        return dict(zip(self.columns, self.values.get(label, nothing), strict=True))
