"""Tracks as a TrackMate file, which Fiji opens with *Load a TrackMate file*."""

from __future__ import annotations

from math import pi
from pathlib import Path
from xml.etree import ElementTree as Xml

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.export.tracking.track_table import Spot, TrackTable
from napari_sam2.images.calibration import PIXEL

_VERSION = "7.11.1"
"""The TrackMate version whose format is written."""
_FEATURES = (
    ("QUALITY", "Quality", "QUALITY", "false"),
    ("POSITION_X", "X", "POSITION", "false"),
    ("POSITION_Y", "Y", "POSITION", "false"),
    ("POSITION_Z", "Z", "POSITION", "false"),
    ("POSITION_T", "T", "TIME", "false"),
    ("FRAME", "Frame", "NONE", "true"),
    ("RADIUS", "Radius", "LENGTH", "false"),
    ("VISIBILITY", "Visibility", "NONE", "true"),
    ("OBJECT_ID", "Object id", "NONE", "true"),
)
_EDGE_FEATURES = (
    ("SPOT_SOURCE_ID", "Source spot ID", "NONE", "true"),
    ("SPOT_TARGET_ID", "Target spot ID", "NONE", "true"),
    ("EDGE_TIME", "Edge time", "TIME", "false"),
)


def write_trackmate(path: Path, table: TrackTable) -> None:
    """Write all spots and links, in the units of the calibration.

    A spot is a circle, along z a sphere, of the size of the object. Spots have the ids of their
    positions in ``table.spots``.
    """
    root = Xml.Element("TrackMate", version=_VERSION)
    model = Xml.SubElement(
        root, "Model", spatialunits=_unit(table, "X"), timeunits=_unit(table, "T")
    )
    declared = Xml.SubElement(model, "FeatureDeclarations")
    _declare(Xml.SubElement(declared, "SpotFeatures"), _FEATURES)
    _declare(Xml.SubElement(declared, "EdgeFeatures"), _EDGE_FEATURES)
    Xml.SubElement(declared, "TrackFeatures")
    _add_spots(model, table)
    _add_tracks(model, table)
    _add_settings(root, table)
    Xml.indent(root)
    with atomic_write(path) as temporary:
        Xml.ElementTree(root).write(temporary, encoding="UTF-8", xml_declaration=True)


def _unit(table: TrackTable, axis: str) -> str:
    step = table.movie.calibration.step(axis)
    if step.unit == PIXEL:
        return "frame" if axis == "T" else PIXEL
    return step.symbol or step.unit


def _declare(parent: Xml.Element, features: tuple[tuple[str, str, str, str], ...]) -> None:
    for feature, name, dimension, integer in features:
        Xml.SubElement(
            parent,
            "Feature",
            feature=feature,
            name=name,
            shortname=name,
            dimension=dimension,
            isint=integer,
        )


def _add_spots(model: Xml.Element, table: TrackTable) -> None:
    spots = Xml.SubElement(model, "AllSpots", nspots=str(len(table.spots)))
    frames = {
        time: Xml.SubElement(spots, "SpotsInFrame", frame=str(time))
        for time in range(table.movie.n_frames)
    }
    for number, spot in enumerate(table.spots):
        Xml.SubElement(frames[spot.frame], "Spot", _spot(table, number, spot))


def _spot(table: TrackTable, number: int, spot: Spot) -> dict[str, str]:
    movie, calibration = table.movie, table.movie.calibration
    scale = calibration.scale(movie.space)
    position = dict.fromkeys("ZYX", 0.0)
    position |= {a: c * s for a, c, s in zip(movie.space, spot.center, scale, strict=True)}
    size = float(spot.size)
    for step in scale:
        size *= step
    radius = (size / pi) ** 0.5 if len(scale) == 2 else (0.75 * size / pi) ** (1 / 3)
    return {
        "ID": str(number),
        "name": f"object {spot.object_id}",
        "QUALITY": "1.0",
        **{f"POSITION_{axis}": repr(value) for axis, value in position.items()},
        "POSITION_T": repr(spot.frame * calibration.step("T").size),
        "FRAME": str(spot.frame),
        "RADIUS": repr(radius),
        "VISIBILITY": "1",
        "OBJECT_ID": str(spot.object_id),
    }


def _add_tracks(model: Xml.Element, table: TrackTable) -> None:
    """Add a track for each family of objects that has a link."""
    families: dict[int, list[tuple[int, int]]] = {}
    for source, target in table.links():
        founder = table.lineage.founder(table.spots[source].object_id)
        families.setdefault(founder, []).append((source, target))
    tracks = Xml.SubElement(model, "AllTracks")
    step = table.movie.calibration.step("T").size
    for number, (founder, links) in enumerate(sorted(families.items())):
        name = {"name": f"object {founder}", "TRACK_ID": str(number), "TRACK_INDEX": str(number)}
        track = Xml.SubElement(tracks, "Track", name)
        for source, target in links:
            time = (table.spots[source].frame + table.spots[target].frame) / 2 * step
            ends = {"SPOT_SOURCE_ID": str(source), "SPOT_TARGET_ID": str(target)}
            Xml.SubElement(track, "Edge", {**ends, "EDGE_TIME": repr(time)})
    chosen = Xml.SubElement(model, "FilteredTracks")
    for number in range(len(families)):
        Xml.SubElement(chosen, "TrackID", TRACK_ID=str(number))


def _add_settings(root: Xml.Element, table: TrackTable) -> None:
    movie, calibration = table.movie, table.movie.calibration
    lengths = {"Z": 1, **dict(zip(movie.space, movie.shape, strict=True))}
    files = movie.stack.source.files
    settings = Xml.SubElement(root, "Settings")
    Xml.SubElement(
        settings,
        "ImageData",
        filename=files[0].name if files else "",
        folder=str(files[0].absolute().parent) if files else "",
        width=str(lengths["X"]),
        height=str(lengths["Y"]),
        nslices=str(lengths["Z"]),
        nframes=str(movie.n_frames),
        pixelwidth=repr(calibration.step("X").size),
        pixelheight=repr(calibration.step("Y").size),
        voxeldepth=repr(calibration.step("Z").size),
        timeinterval=repr(calibration.step("T").size),
    )
    Xml.SubElement(settings, "InitialSpotFilter", feature="QUALITY", value="0.0", isabove="true")
    Xml.SubElement(settings, "SpotFilterCollection")
    Xml.SubElement(settings, "TrackFilterCollection")
    Xml.SubElement(settings, "AnalyzerCollection")
