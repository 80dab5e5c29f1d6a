"""Names and pixels of the Y, X planes of a label array, for formats that store single images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack


@dataclass(frozen=True, eq=False, slots=True)
class LabelPlane:
    """One plane of labels.

    Parameters
    ----------
    position : mapping of str to int
        Index along each other axis, by lower-case letter.
    name : str
        Name without suffix: that of the input's file if each plane has its own, else the name of
        the input with the position, e.g. ``"movie_t0003_z012"``.
    pixels : NDArray
        Labels (Y, X).
    """

    position: dict[str, int]
    name: str
    pixels: NDArray[Any]


def label_planes(stack: Stack, labels: Any) -> Iterator[LabelPlane]:
    """Yield all planes of labels in the order of their indices.

    Parameters
    ----------
    stack : Stack
        The image.
    labels : zarr.Array or numpy.ndarray
        The labels with axes in the order T, Z, Y, X; planes are read one by one.
    """
    leading = labels.shape[:-2]
    letters = stack.label_axes[:-2].lower()
    names = _file_names(stack, int(np.prod(leading)))
    files = stack.source.files
    stem = files[0].name.split(".")[0] if files else "image"
    for number, index in enumerate(np.ndindex(*leading)):
        position = dict(zip(letters, index, strict=True))
        digits = (
            f"_{axis}{i:0{max(4, len(str(n - 1)))}d}"
            for (axis, i), n in zip(position.items(), leading, strict=True)
        )
        name = names[number] if names else stem + "".join(digits)
        yield LabelPlane(position, name, np.asarray(labels[index]))


def _file_names(stack: Stack, count: int) -> tuple[str, ...]:
    """Return the names of the input's files if there is one per plane, else nothing."""
    names = tuple(path.stem for path in stack.source.files)
    return names if len(names) == count > 1 and len(set(names)) == count else ()
