"""Writing of labels as COCO instance annotations.

The format is described in https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import write_text
from napari_sam2.export.classes.object_classes import UNCLASSIFIED
from napari_sam2.export.place import output_calibration
from napari_sam2.export.planes import LabelPlane, label_planes

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

_CATEGORY = 1


def write_label_coco(
    path: Path,
    stack: Stack,
    labels: Any,
    note: str = "",
    classes: Mapping[int, str] | None = None,
) -> None:
    """Write one annotation per object and plane, as uncompressed run-length encoding.

    ``images`` lists all planes with their file name, size and index along the other axes;
    ``track_id`` of an annotation is the object id; ``info`` has axes, pixel sizes, units and
    origin. The file appears when it is complete.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.
    stack : Stack
        The image.
    labels : zarr.Array or numpy.ndarray
        The labels with axes in the order T, Z, Y, X.
    note : str
        Text of ``info``.
    classes : mapping or None
        Class by object id; each class is a category, and objects without one are of the category
        ``object``, the first one.
    """
    of_object = classes or {}
    names = (UNCLASSIFIED, *sorted(set(of_object.values()) - {UNCLASSIFIED}))
    numbers = {name: number for number, name in enumerate(names, _CATEGORY)}
    categories = {object_id: numbers[name] for object_id, name in of_object.items()}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    suffixes = {file.stem: file.suffix for file in stack.source.files}
    for number, plane in enumerate(label_planes(stack, labels), start=1):
        height, width = plane.pixels.shape
        name = plane.name + suffixes.get(plane.name, ".png")
        size = {"file_name": name, "height": height, "width": width}
        images.append({"id": number, **size, **plane.position})
        annotations += _annotations(plane, number, len(annotations) + 1, categories)
    content = {
        "info": {"description": note, **_sizes(stack)},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": category, "name": name, "supercategory": ""}
            for name, category in numbers.items()
        ],
    }
    write_text(path, json.dumps(content))


def _sizes(stack: Stack) -> dict[str, Any]:
    return {
        "axes": stack.label_axes.lower(),
        "scale": list(stack.scale),
        "units": list(stack.units),
        "origin": list(output_calibration(stack).origin(stack.label_axes)),
    }


def _annotations(
    plane: LabelPlane, image: int, first: int, categories: Mapping[int, int]
) -> list[dict[str, Any]]:
    ids = (int(i) for i in np.unique(plane.pixels) if i)
    return [
        {"id": first + n, "image_id": image, "track_id": i}
        | {"category_id": categories.get(i, _CATEGORY)}
        | _mask(plane.pixels == i)
        for n, i in enumerate(ids)
    ]


def _mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return run lengths, box (x, y, width, height) and area of a mask (h, w)."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    return {
        "segmentation": {"size": list(mask.shape), "counts": run_lengths(mask)},
        "area": int(mask.sum()),
        "bbox": [int(value) for value in box],
        "iscrowd": 0,
    }


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of runs of equal pixels, column by column, beginning with background."""
    pixels = mask.ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    ends = np.concatenate(([0], changes, [pixels.size]))
    lengths: list[int] = np.diff(ends).tolist()
    return [0, *lengths] if pixels[0] else lengths
