"""Write formats.md: one small file of each format is generated, read, and described.

Run it from the root of the repository after a change of readers or outputs:
``python -m docs.make_formats_table``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np

from napari_sam2.core.geometry import Window
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import create_label_output, finish_label_output
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import Stack, open_stack
from tests.helpers.format_files import INPUTS, InputFormat

PAGE = Path(__file__).parent / "formats.md"
_NONE = "-"
_COLUMNS = (
    "format", "axes", "scenes", "channels", "pixel size", "interval", "origin", "type",
    "orientation", "test",
)  # fmt: skip
_EXTRA_COLUMNS = ("extra", "formats", "packages and licenses")
_OUTPUTS = {
    "o.tif": "OME-TIFF",
    "o.ome.zarr": "OME-Zarr 0.5",
    "o.zarr": "Zarr",
    "o.nii.gz": "compressed NIfTI",
    "o.nii": "NIfTI",
    "o.coco.json": "COCO",
    "o.png": "folder of PNG",
}
_ROUND_TRIPS = "tests/napari_sam2/test_round_trips.py"
_INTRODUCTION = """# Formats

Axes are shown and written in the order T, C, Z, Y, X, whatever the order in the file. Sizes that a
file does not state are read as 1 pixel, 1 frame and origin 0; messages say what was assumed or left
out, and `napari-sam2 info FILE` shows it. This page is made by `docs/make_formats_table.py` from
generated files.

## Input

Each row is what is read from a small file that states everything that the test files of its
format can. Scenes are several images in one file; choose one with `--scene NAME|N`.

"""
_OUTPUT_TEXT = """
## Output

The ending of `--output` is the format. The rows show what is written for a movie of volumes; the
column `orientation` is for a rotated NIfTI volume, whose orientation only NIfTI and Zarr store.
The other formats keep its pixel sizes, and a message says so.

"""
_NOTES = """
- OME-TIFF is stored in strips, so plain ImageJ opens it; planes above 128 MB are stored in tiles,
  and files above 4 GB are BigTIFF.
- NIfTI labels of a NIfTI input have its shape, affines and units. Time is the fourth axis.
- COCO has one annotation per object and plane, with uncompressed run lengths; `track_id` is the
  object.
- PNG files have 8 bits if all ids are at most 255, else 16; larger ids are refused.
- An output inside an input folder is refused, also with `--resume` and `--overwrite`.

## In napari

*File > Open* and drag and drop open NIfTI, DICOM, videos, MetaMorph (`.nd`), the files of
microscopes and folders with this plugin. If another plugin reads them too, as napari itself reads
folders, napari asks which reader to use and can remember the answer. TIFF, Zarr and pictures are
left to other readers, so `viewer.open("a.tif", plugin="napari-sam2")` is an error. *File > IO
Utilities > Open image with SAM 2...* opens files of every format of this page, and the command
`napari-sam2.open_image` also folders and URLs, see [Scripting](scripting.md#in-a-viewer).

## Extras

{extras}
Install an extra with `pip install "napari-sam2[microscopy]"`.
"""


_EXTRAS = {
    "none": (
        "TIFF, OME-TIFF and their sets, MetaMorph, Zarr, OME-Zarr, NIfTI, images, NumPy",
        "tifffile (BSD-3), ome-types (MIT), zarr (MIT), ome-zarr-models (BSD-3), nibabel (MIT), "
        "Pillow (MIT-CMU)",
    ),
    "`video`": (
        "MP4, AVI, MOV, MKV, GIF and others",
        "av (BSD-3; its wheels contain FFmpeg, LGPL)",
    ),
    "`medical`": (
        "DICOM",
        "pydicom (MIT), pylibjpeg-openjpeg (MIT), pyjpegls (MIT), python-gdcm (BSD-3)",
    ),
    "`microscopy`": (
        "ND2, CZI, LIF, compressed TIFF",
        "nd2 (BSD-3), czifile (BSD-3), liffile (BSD-3), imagecodecs (BSD-3)",
    ),
    "`bioio`": (
        "what its installed reader plugins read",
        "bioio (BSD-3); the plugin `bioio-czi` is GPL-3",
    ),
}


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page, with tables of what is read and written now."""
    with TemporaryDirectory() as folder:
        inputs = [_input_row(kind, Path(folder) / str(i)) for i, kind in enumerate(INPUTS)]
        outputs = [_output_row(name, kind, Path(folder)) for name, kind in _OUTPUTS.items()]
    extras = _table(((name, *facts) for name, facts in _EXTRAS.items()), _EXTRA_COLUMNS)
    tables = (_table(inputs), _OUTPUT_TEXT, _table(outputs))
    return _INTRODUCTION + "".join(tables) + _NOTES.format(extras=extras)


def _table(rows: Iterable[tuple[str, ...]], columns: tuple[str, ...] = _COLUMNS) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _input_row(kind: InputFormat, folder: Path) -> tuple[str, ...]:
    folder.mkdir()
    path = folder / f"sample{kind.suffix}"
    kind.write(path)
    stack = open_stack(path)
    name = f"{kind.name} `{kind.suffix}`" if kind.suffix else kind.name
    facts = (
        stack.native_axes,
        str(max(1, len(stack.source.scenes))),
        str(stack.n_channels),
        *_place(stack.calibration, stack.label_axes),
        str(stack.dtype),
        _NONE if stack.affine is None else "affine",
    )
    return (name, *facts, f"`{kind.test}`")


def _place(calibration: Calibration, axes: str) -> tuple[str, str, str]:
    """Return pixel sizes, frame interval and origin as text."""
    space = _steps(calibration, axes.replace("T", ""))
    time = _steps(calibration, "T" if "T" in axes else "").removeprefix("t ")
    starts = [f"{a.lower()} {calibration.step(a).origin:.4g}" for a in axes]
    moved = any(calibration.origin(axes))
    origin = "affine" if calibration.affine is not None else ", ".join(starts) if moved else _NONE
    return space, time or _NONE, origin


def _steps(calibration: Calibration, axes: str) -> str:
    known = [(a, calibration.steps[a]) for a in axes if a in calibration.steps]
    texts = [f"{a.lower()} {s.size:.4g} {s.symbol}" for a, s in known if s.symbol]
    return ", ".join(texts) or _NONE


def _written(name: str, folder: Path, source: Stack) -> Path:
    output = OutputDestination.parse(folder / name)
    if output.existing():
        output.remove()
    labels = create_label_output(output, source, [300])
    labels.write(source.index(0), Window(2, 3, 6, 8), np.full((4, 5), 300))
    finish_label_output(output, source, labels, [300])
    return output.path


def _output_row(name: str, kind: str, folder: Path) -> tuple[str, ...]:
    path = _written(name, folder, _movie_of_volumes())
    axes, place, dtype = _described(path)
    turned = folder / "turned.nii"
    next(item for item in INPUTS if item.suffix == ".nii").write(turned)
    kept = _keeps_affine(_written(f"turned-{name}", folder, open_stack(turned)), turned)
    ending = OutputDestination.parse(name).ending
    facts = (axes, "1", _NONE, *place, dtype, "affine" if kept else _NONE)
    return (f"{kind} `{ending}`", *facts, f"`{_ROUND_TRIPS}`")


def _movie_of_volumes() -> Stack:
    stack = open_stack(np.zeros((2, 3, 24, 32), np.uint8), axes="TZYX", along="t")
    units = ("second", *("micrometer",) * 3)
    calibration = Calibration.of("TZYX", (5, 2, 0.25, 0.25), units, origin=(0, 10, -50, 100))
    return replace(stack, source=replace(stack.source, calibration=calibration))


def _described(path: Path) -> tuple[str, tuple[str, str, str], str]:
    """Return axes, sizes and type of an output, from what is stored in it."""
    if path.name.endswith(".coco.json"):
        facts = json.loads(path.read_text())["info"]
        axes = facts["axes"].upper()
        calibration = Calibration.of(axes, facts["scale"], facts["units"], origin=facts["origin"])
        return axes, _place(calibration, axes), "run lengths"
    stack = open_stack(path / "labels" / "objects" if path.name.endswith(".ome.zarr") else path)
    return stack.native_axes, _place(stack.calibration, stack.label_axes), str(stack.dtype)


def _keeps_affine(path: Path, given: Path) -> bool:
    images: Any = nibabel
    expected = images.load(given).affine
    if path.name.endswith((".nii", ".nii.gz")):
        return bool(np.array_equal(images.load(path).affine, expected))
    if path.suffix == ".zarr" and not path.name.endswith(".ome.zarr"):
        return bool(np.array_equal(open_stack(path).calibration.affine_from("XYZ"), expected))
    return False


if __name__ == "__main__":
    main()
