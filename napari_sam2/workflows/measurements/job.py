"""What a table of measurements consists of: inputs, output and options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class MeasurementJob:
    """One table of measurements, as the command ``measure`` makes it.

    Parameters
    ----------
    labels : str or Path
        Label image in any format that is read, result folder of the Cell Tracking Challenge,
        folder of a run (its labels are measured), or session (also packed).
    output : Path
        Table to write, a .csv or .parquet file.
    image : str, Path or None
        Image whose values are measured; of the shape of the labels, apart from channels. For a
        session, None measures the image of the session.
    axes, image_axes : str or None
        Axes of the labels and of the image, e.g. ``"TZYX"``; None uses those of the files.
    channels : sequence of int or None
        Channels of the image to measure; None measures all, or those of the session.
    lineage : Path or None
        Parents of labels, see :func:`napari_sam2.export.tracking.lineage_files.read_lineage`.
    drafts : bool
        Whether masks of a session that are not accepted are measured.
    overwrite : bool
        Replace an earlier table.
    """

    labels: str | Path
    output: Path
    image: str | Path | None = None
    axes: str | None = None
    image_axes: str | None = None
    channels: Sequence[int] | None = None
    lineage: Path | None = None
    drafts: bool = False
    overwrite: bool = False
