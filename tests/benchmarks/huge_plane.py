"""One click on a 60,000 x 60,000 plane: bytes read, peak memory, labels written.

    python -m tests.benchmarks.huge_plane
    python -m tests.benchmarks.huge_plane --contrast sampled

The plane is a zarr array of 512 x 512 chunks, all but four of them empty, so that it takes no
disk; what is read of it is counted by the store, and as if no chunk were empty.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

import napari_sam2
from napari_sam2.images.intensity import Intensity
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.tracking.plan import PropagationRequest
from tests.benchmarks.measuring import Row, in_own_process, parser, peak_memory, report

SIDE, CHUNK, GROUND = 60_000, 512, 200
CORNER = (40_700, 30_100)
"""First row and column of a bright square of 40 pixels, which meets no chunk's edge."""
OBJECT = 40


class CountingStore(LocalStore):
    """A folder that counts the chunks which are asked for, and the bytes that it gives."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.nbytes = 0
        self.chunks: list[str] = []

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        value = await super().get(key, *args, **options)
        if not key.endswith(("zarr.json", ".zarray", ".zgroup", ".zattrs")):
            self.chunks.append(key)
            self.nbytes += 0 if value is None else len(value)
        return value


def make_plane(path: Path) -> None:
    """Write the plane: a level ground with one bright square in a few noisy chunks."""
    array = zarr.create_array(
        LocalStore(path),
        shape=(1, SIDE, SIDE),
        chunks=(1, CHUNK, CHUNK),
        dtype="uint16",
        fill_value=GROUND,
        compressors=None,
    )
    y, x = (value // CHUNK * CHUNK for value in CORNER)
    part = np.random.default_rng(0).normal(GROUND, 15, (2 * CHUNK, 2 * CHUNK))
    inner = tuple(slice(c - o, c - o + OBJECT) for c, o in zip(CORNER, (y, x), strict=True))
    part[inner] += 1500
    array[0, y : y + 2 * CHUNK, x : x + 2 * CHUNK] = part.clip(0).astype(np.uint16)


def measure(model: str, contrast: str) -> dict[str, object]:
    """Click, propagate over the one frame, write labels to disk; all in this process."""
    with tempfile.TemporaryDirectory() as folder:
        make_plane(Path(folder) / "plane.zarr")
        store = CountingStore(Path(folder) / "plane.zarr", read_only=True)
        array = zarr.open_array(store, mode="r")
        center = (CORNER[0] + OBJECT / 2, CORNER[1] + OBJECT / 2)
        before = peak_memory()
        began = time.perf_counter()
        session = napari_sam2.open_session(
            array,
            [PointPrompt(1, 0, center)],
            axes="TYX",
            along="t",
            model=model,
            intensity=Intensity(((0.0, 2000.0),)) if contrast == "given" else None,
            output=Path(folder) / "labels.zarr",
        )
        session.preview(1, 0)
        answered = time.perf_counter() - began
        results = list(session.propagate(PropagationRequest()))
        written = zarr.open_array(Path(folder) / "labels.zarr", mode="r")
        y, x = (slice(c - 64, c + OBJECT + 64) for c in CORNER)
        return {
            "model": session.predictor.info.name,
            "contrast": contrast,
            "area of the mask": results[0].area,
            "labeled on disk": int(np.count_nonzero(written[0, y, x])),
            "label chunks": sum(1 for p in Path(folder, "labels.zarr").rglob("*") if _chunk(p)),
            "MB read": store.nbytes / 1e6,
            "MB if no chunk were empty": len(store.chunks) * CHUNK**2 * 2 / 1e6,
            "seconds to the answer": answered,
            "peak memory MB": peak_memory() / 1e6,
            "of these before": before / 1e6,
        }


def _chunk(path: Path) -> bool:
    return path.is_file() and path.name != "zarr.json"


def main() -> None:
    """Print one row for each way of finding the contrast."""
    options = parser(__doc__)
    options.add_argument("--model", default="micro")
    options.add_argument(
        "--contrast", nargs="+", default=["given", "sampled"], choices=["given", "sampled"]
    )
    options.add_argument("--task", help="used by the benchmark itself")
    given = options.parse_args()
    if given.task:
        print(json.dumps(measure(**json.loads(given.task))))
        return
    tasks = [{"model": given.model, "contrast": contrast} for contrast in given.contrast]
    rows: list[Row] = [in_own_process("tests.benchmarks.huge_plane", task) for task in tasks]
    report(rows, given.csv)


if __name__ == "__main__":
    main()
