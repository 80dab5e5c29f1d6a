"""Small generated files with the names that the README and the documentation use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.saved_sessions import create_saved_sessions
from tests.helpers.dicom_files import SeriesWriter
from tests.helpers.fakes import FakePredictor
from tests.helpers.stack_files import write_video

CENTERS = ((40, 50), (90, 110))
"""(y, x) of both discs on the first frame, in pixels; the documentation prompts there."""


def discs(n_frames: int, speed: int, radii: list[float] | None = None) -> NDArray[np.uint8]:
    """Return two bright discs on a noisy background, (frames, 128, 160)."""
    rows, columns = np.mgrid[:128, :160]
    frames = np.random.default_rng(0).normal(30, 5, (n_frames, 128, 160))
    for number, frame in enumerate(frames):
        radius = 15.0 if radii is None else radii[number]
        for y, x in CENTERS:
            frame[(rows - y) ** 2 + (columns - x - speed * number) ** 2 < radius**2] += 150
    return frames.clip(0, 255).astype(np.uint8)


def cells() -> NDArray[np.uint8]:
    """Return a cell that stays, one that enters and one that divides, (frames, 96, 112)."""
    rows, columns = np.mgrid[:96, :112]
    frames = np.random.default_rng(0).normal(30, 5, (7, 96, 112))
    for number, frame in enumerate(frames):
        apart = 0 if number < 3 else 7 + number
        centers = [(24, 30, 9), (74, 34, 9), (60, max(126 - 8 * number, 90), 9)]
        if apart:
            centers[1:2] = [(74, 34 - apart, 7), (74, 34 + apart, 7)]
        for y, x, radius in centers:
            frame[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] += 150
    return ndimage.gaussian_filter(frames, (0, 1, 1)).clip(0, 255).astype(np.uint8)


def write_docs_data(folder: Path) -> None:
    """Write the images, the prompts, the session and the folder of the pages."""
    tifffile.imwrite(folder / "movie.tif", discs(5, speed=2), metadata={"axes": "TYX"})
    tifffile.imwrite(folder / "dividing.tif", cells(), metadata={"axes": "TYX"})
    radii = [max(0.0, 18.0**2 - 30 * (z - 5) ** 2) ** 0.5 for z in range(10)]
    volume = discs(10, speed=0, radii=radii)
    tifffile.imwrite(folder / "volume.tif", volume, metadata={"axes": "ZYX"})
    slices = discs(
        8, speed=0, radii=[max(0.0, 15.0**2 - 30 * (z - 3) ** 2) ** 0.5 for z in range(8)]
    )
    SeriesWriter(folder / "ct").volume(slices.astype(np.int16) - 100)
    series = np.stack([np.roll(volume[3:8], 2 * t, axis=2) for t in range(3)])
    tifffile.imwrite(folder / "series.tif", series, metadata={"axes": "TZYX"})
    frames = np.repeat(discs(4, speed=2)[..., None], 3, axis=-1)
    frames[..., 2] //= 2
    write_video(folder / "video.mp4", frames, "mpeg4")
    objects = [
        {"id": number, "points": [{"frame": 0, "yx": list(center), "label": 1}]}
        for number, center in enumerate(CENTERS, 1)
    ]
    prompts = {"version": 1, "axis": "t", "objects": objects}
    (folder / "clicks.json").write_text(json.dumps(prompts))
    (folder / "plate").mkdir()
    for name in "ab":
        tifffile.imwrite(
            folder / "plate" / f"{name}.tif", discs(5, speed=2), metadata={"axes": "TYX"}
        )
        (folder / "plate" / f"{name}.prompts.json").write_text(json.dumps(prompts))
    _write_session(folder / "movie.tif")


def _write_session(image: Path) -> None:
    """Save a session with a click on the first disc, of another model than that of the pages."""
    predictor = FakePredictor()
    predictor._info = replace(predictor.info, name="micro")
    stack = open_stack(image)
    sessions = create_saved_sessions(stack, predictor, intensity=Intensity(((0.0, 255.0),)))
    sessions[()].prompts.add(PointPrompt(1, 0, CENTERS[0]))
    sessions.close()
