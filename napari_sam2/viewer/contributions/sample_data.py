"""Samples of File > Open Sample, generated when they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sam2_model.training.synthetic.generator import LabeledStack

LayerData = tuple[Any, dict[str, Any], str]


def moving_cells() -> list[LayerData]:
    """Return a synthetic movie of nuclei that move and divide.

    Returns
    -------
    list of LayerData
        The image (TYX), the ground truth as hidden labels and tracks with their lineage, and a
        points layer that suggests the first click.
    """
    from sam2_model.training.synthetic.generator import Encoding, MovieSpec, generate_movie
    from sam2_model.training.synthetic.lifecycle import Lifecycle

    spec = MovieSpec(
        frames=24,
        shape=(256, 320),
        count=16,
        radius=15.0,
        lifecycle=Lifecycle(speed=0.1, divided=0.3),
        encoding=Encoding.CAMERA,
    )
    stack = generate_movie(spec, seed=5)
    layers = _layers(stack, "Cells that move and divide", first=0)
    return [*layers[:-1], _tracks(stack), layers[-1]]


def nuclei_volume() -> list[LayerData]:
    """Return a synthetic volume of nuclei.

    Returns
    -------
    list of LayerData
        The image (ZYX), the ground truth as hidden labels, and a suggested first click.
    """
    from sam2_model.training.synthetic.generator import Encoding, VolumeSpec, generate_volume

    spec = VolumeSpec(slices=32, shape=(224, 256), count=45, radius=15.0, encoding=Encoding.CAMERA)
    return _layers(generate_volume(spec, seed=11), "Nuclei in a volume", first=16)


def organ_volume() -> list[LayerData]:
    """Return a synthetic volume of organ-like shapes in Hounsfield units.

    Returns
    -------
    list of LayerData
        The image (ZYX, int16), the ground truth as hidden labels, and a suggested first click.
    """
    from sam2_model.training.synthetic.generator import Encoding, Style, VolumeSpec, generate_volume

    spec = VolumeSpec(
        style=Style.ORGANS,
        count=9,
        radius=28.0,
        tubes=0.3,
        encoding=Encoding.HOUNSFIELD,
        scale=(2.5, 1.0, 1.0),
    )
    return _layers(generate_volume(spec, seed=1), "Organ-like volume", first=16)


def _layers(stack: LabeledStack, name: str, first: int) -> list[LayerData]:
    calibration = _calibration(stack)
    limits = [float(v) for v in np.percentile(stack.images, (0.1, 99.9))]
    return [
        (stack.images, {"name": name, "contrast_limits": limits, **calibration}, "image"),
        (
            stack.labels,
            {"name": f"Truth: {name}", "visible": False, **calibration},
            "labels",
        ),
        _suggestion(stack.labels, first, calibration),
    ]


def _calibration(stack: LabeledStack) -> dict[str, Any]:
    axes = tuple(stack.axes.lower())
    return {"scale": stack.scale, "units": stack.units, "axis_labels": axes}


def _suggestion(labels: NDArray[np.uint16], frame: int, calibration: dict[str, Any]) -> LayerData:
    """Return a point inside an object of median size that does not touch the border."""
    from napari_sam2.prompts.from_labels import interior_point

    plane = labels[frame]
    at_edge = np.unique(np.concatenate((plane[0], plane[-1], plane[:, 0], plane[:, -1])))
    ids, counts = np.unique(plane[plane > 0], return_counts=True)
    whole = ~np.isin(ids, at_edge)
    ids, counts = ids[whole], counts[whole]
    y, x = interior_point(plane == ids[np.argsort(counts)[len(counts) // 2]])
    shown = {
        "name": "Click here first",
        "face_color": "transparent",
        "border_color": "#ffd24d",
        "border_width": 0.15,
        "size": 14,
        "symbol": "ring",
    }
    return [[frame, y, x]], {**calibration, **shown}, "points"


def _tracks(stack: LabeledStack) -> LayerData:
    """Return the true centers, (id, t, y, x), with the lineage as napari's graph."""
    from scipy import ndimage

    rows = []
    for t, plane in enumerate(stack.labels):
        ids = np.unique(plane[plane > 0])
        centers = np.asarray(ndimage.center_of_mass(plane > 0, plane, ids))
        rows += [(int(i), t, y, x) for i, (y, x) in zip(ids, centers.tolist(), strict=True)]
    present = {row[0] for row in rows}
    graph = {d: [m] for d, m in stack.parents.items() if d in present and m in present}
    options = {
        "name": "Truth: tracks",
        "visible": False,
        "graph": graph,
        **_calibration(stack),
    }
    return np.array(sorted(rows)), options, "tracks"
