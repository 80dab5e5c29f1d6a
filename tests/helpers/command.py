"""A small movie and prompts on disk, and the command line run on them in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_sam2.cli.app import run
from tests.helpers.scenes import movie, straight

PATHS = [straight((30, 20), (1, 3), 20), straight((90, 100), (-1, -2), 20)]
FRAMES = movie((128, 160), PATHS)


def point(object_id: int, frame: int, path: int | None = None) -> dict[str, Any]:
    """Return an object with one click, in the format of prompt files."""
    y, x = PATHS[object_id - 1 if path is None else path][frame]
    return {"id": object_id, "points": [{"frame": frame, "yx": [y, x], "label": 1}]}


def listing(folder: Path) -> dict[str, bytes]:
    """Return the content of all files under a folder, by path; b"" for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


@dataclass(frozen=True)
class RunFiles:
    """A folder with a movie and prompts."""

    folder: Path

    @property
    def movie(self) -> Path:
        return self.folder / "movie.tif"

    @property
    def prompts(self) -> Path:
        return self.folder / "prompts.json"

    def create_files(self) -> RunFiles:
        tifffile.imwrite(self.movie, FRAMES, metadata={"axes": "TYX"})
        self.write_prompts([point(1, 2), point(2, 10)])
        return self

    def write_prompts(self, objects: list[dict[str, Any]], **fields: Any) -> None:
        content = {"version": 1, "axis": "t", "objects": objects} | fields
        self.prompts.write_text(json.dumps(content))

    def segment(
        self,
        *more: str,
        source: Path | None = None,
        prompts: Path | None = None,
        out: str = "o.zarr",
    ) -> int:
        """Run the segment command; the output lies in the folder."""
        given = ["--prompts", str(prompts or self.prompts), "--output", str(self.folder / out)]
        return run(["segment", str(source or self.movie), *given, *more])

    def labels(self, out: str = "o.zarr") -> np.ndarray:
        import zarr

        return np.asarray(zarr.open_array(self.folder / out, mode="r")[...])
