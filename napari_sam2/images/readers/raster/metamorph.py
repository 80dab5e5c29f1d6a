"""MetaMorph acquisitions: an index file (``.nd``) and one TIFF or STK file per plane or stack.

The names of the files are those of the index with ``_w1NAME``, ``_s1`` and ``_t1`` for channel,
stage position and time (MetaMorph, "Multi-Dimensional Acquisition").
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import Source
from napari_sam2.images.readers.raster.folder import read_named_images

_MEMBERS = (".tif", ".tiff", ".stk")
_COUNTS = {
    "DoTimelapse": "NTimePoints",
    "DoStage": "NStagePositions",
    "DoWave": "NWavelengths",
}
"""Field with the number of files along each dimension, by the field that switches it on."""


def read_metamorph(path: Path, scene: str | int | None = None) -> Source:
    """Open the files of an acquisition as times, channels and slices; positions are scenes.

    Parameters
    ----------
    path : Path
        The index file; its TIFF or STK files lie in its folder.
    scene : str, int or None
        Name or number of the stage position; None opens the first.

    Raises
    ------
    UserError
        If no file of the acquisition exists, or their names or sizes do not fit together.
    """
    fields = _read_fields(path)
    start = f"{path.stem}_".lower()
    files = [
        file
        for file in sorted(path.parent.iterdir())
        if file.suffix.lower() in _MEMBERS and file.name.lower().startswith(start)
    ]
    if not files:
        raise UserError(
            f"{path.name} is an index of MetaMorph, but its TIFF or STK files "
            f"({path.stem}_...) are missing: copy them to the same folder."
        )
    source = read_named_images(files, path.name, scene, _missing_note(fields, len(files), path))
    waves = tuple(value for key, value in fields.items() if key.startswith("WaveName"))
    named = len(waves) == len(source.channel_names)
    return replace(
        source,
        calibration=_with_slices(source, fields),
        files=(path, *source.files),
        channel_names=waves if named else source.channel_names,
    )


def _read_fields(path: Path) -> Mapping[str, str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = csv.reader(lines, skipinitialspace=True)
    return {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}


def _missing_note(fields: Mapping[str, str], found: int, path: Path) -> tuple[str, ...]:
    """Return a note if there are fewer files than the index states."""
    counts = (
        fields.get(count, "1")
        for switch, count in _COUNTS.items()
        if fields.get(switch, "").upper() == "TRUE"
    )
    stated = prod(int(count) for count in counts if count.isdecimal())
    if found >= stated:
        return ()
    return (
        f"{path.name} states {stated} files, but {found} exist: the recording may have been "
        "stopped, or files were not copied.",
    )


def _with_slices(source: Source, fields: Mapping[str, str]) -> Calibration:
    """Return the sizes, with the distance of slices in µm where the files state none."""
    steps = dict(source.calibration.steps)
    try:
        distance = abs(float(fields.get("ZStepSize", "0").replace(",", ".")))
    except ValueError:
        distance = 0.0
    if distance and "Z" in (source.axes or "") and "Z" not in steps:
        steps["Z"] = AxisStep(distance, "micrometer")
    return replace(source.calibration, steps=steps)
