"""Graphs of tracks in the Graph Exchange File Format, written by the ``geff`` library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.export.tracking.track_table import TrackTable
from napari_sam2.images.calibration import PIXEL


def write_geff(path: Path, table: TrackTable) -> None:
    """Write a graph with a node for each object and frame, and an edge for each link.

    Positions are in frames and pixels, with the factors and units of the calibration. The
    property ``seg_id`` is the label value, ``tracklet`` the first object of a chain of objects
    without division, ``lineage`` the first ancestor.

    Raises
    ------
    UserError
        If the ``geff`` library is not installed.
    """
    check_geff()
    from geff import GeffMetadata
    from geff.core_io import write_arrays

    axes: list[Any] = [_axis(table, axis) for axis in f"T{table.movie.space}"]
    metadata = GeffMetadata(
        directed=True,
        axes=axes,
        node_props_metadata={},
        edge_props_metadata={},
        track_node_props={"tracklet": "tracklet", "lineage": "lineage"},
    )
    nodes = np.arange(len(table.spots), dtype=np.uint64)
    edges = np.array(list(table.links()), np.uint64).reshape(-1, 2)
    properties: Any = {
        name: {"values": v, "missing": None} for name, v in _properties(table).items()
    }
    write_arrays(path, nodes, properties, edges, {}, metadata, zarr_format=3)


def check_geff() -> None:
    """Raise UserError if the ``geff`` library is not installed."""
    try:
        import geff  # noqa: F401
    except ImportError as error:
        raise UserError("GEFF needs geff. Run: pip install 'napari-sam2[tracking]'") from error


def _properties(table: TrackTable) -> dict[str, np.ndarray]:
    spots = table.spots
    columns: dict[str, np.ndarray] = {"t": np.array([spot.frame for spot in spots], np.int64)}
    for at, axis in enumerate(table.movie.space.lower()):
        columns[axis] = np.array([spot.center[at] for spot in spots], np.float64)
    daughters = Counter(table.lineage.parents.values())
    tracklets = {object_id: _tracklet(table, object_id, daughters) for object_id in table.tracks}
    columns["seg_id"] = np.array([s.object_id for s in spots], np.int64)
    columns["size"] = np.array([s.size for s in spots], np.int64)
    columns["tracklet"] = np.array([tracklets[s.object_id] for s in spots], np.int64)
    founders = {object_id: table.lineage.founder(object_id) for object_id in table.tracks}
    columns["lineage"] = np.array([founders[s.object_id] for s in spots], np.int64)
    return columns


def _tracklet(table: TrackTable, object_id: int, daughters: Mapping[int, int]) -> int:
    """Return the first object of a chain in which each has one daughter."""
    lineage = table.lineage
    parent = lineage.parent(object_id)
    while parent is not None and daughters[parent] == 1:
        object_id, parent = parent, lineage.parent(parent)
    return object_id


def _axis(table: TrackTable, axis: str) -> dict[str, Any]:
    step = table.movie.calibration.step(axis)
    kind = "time" if axis == "T" else "space"
    described: dict[str, Any] = {"name": axis.lower(), "type": kind}
    if axis != "T":
        described["unit"] = PIXEL
    if step.unit != PIXEL:
        described |= {"scale": step.size, "scaled_unit": step.unit, "offset": step.origin}
    return described
