"""Count the modules and the calls between modules that one click and one frame take.

Prints one table with a row for each of two steps, both run with ``micro`` on the CPU:

``click``
    A point is added to the points layer of a viewer without Qt, until the mask is in the
    pixels of the drafts layer. The image has 256 x 320 pixels.
``frame``
    One frame in the middle of ``napari-sam2 segment --view zoom`` with two objects, each in a
    view of its own, until labels are in the Zarr array and masks in the SQLite file.

A call counts if the caller and the callee are functions of two different modules of ours.
Entered modules are those of which at least one function ran. Only the thread that does the
work is counted.

Version 0.1.0 before its modules were sorted into packages (commit cc04964) gives:

| step | modules of napari_sam2 | modules of sam2_model | calls between modules |
| --- | --- | --- | --- |
| click | 42 | 12 | 439 |
| frame | 40 | 16 | 542 |

Run ``python -m tests.benchmarks.profile_calls``; ``--pairs`` also lists which modules call which.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from tests.benchmarks.measuring import parser, report, use_threads

PACKAGES = ("napari_sam2", "sam2_model")
SHAPE = (256, 320)
MEASURED_FRAME = 6


class CallCounter:
    """Counts calls between modules of our packages while it is started."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.pairs: Counter[tuple[str, str]] = Counter()

    def start(self) -> None:
        """Count from here on, in this thread."""
        sys.setprofile(self._event)

    def stop(self) -> None:
        """Stop counting."""
        sys.setprofile(None)

    def _event(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or (module := _module(frame)) is None:
            return
        self.modules.add(module)
        caller = None if frame.f_back is None else _module(frame.f_back)
        if caller is not None and caller != module:
            self.pairs[caller, module] += 1

    def row(self, step: str) -> dict[str, object]:
        """Return one row of the table."""
        counts = {
            f"modules of {package}": sum(name.split(".")[0] == package for name in self.modules)
            for package in PACKAGES
        }
        return {"step": step, **counts, "calls between modules": self.pairs.total()}


def _module(frame: FrameType) -> str | None:
    """Return the module of a frame, if it is one of ours."""
    name: str | None = frame.f_globals.get("__name__")
    return name if name is not None and name.split(".")[0] in PACKAGES else None


def movie(n_frames: int) -> np.ndarray:
    """Return two bright discs that move, uint8, (T, 256, 320), and noise of a fixed seed."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    frames = np.random.default_rng(0).normal(20, 4, (n_frames, *SHAPE))
    for t in range(n_frames):
        for y, x in centers(t):
            frames[t][(rows - y) ** 2 + (columns - x) ** 2 < 22**2] += 150
    return frames.clip(0, 255).astype(np.uint8)


def centers(t: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the centers (y, x) of both discs on a frame, in pixels."""
    return (80, 90 + 2 * t), (170, 220 - 2 * t)


def click() -> CallCounter:
    """Count what a click takes, after a click on another frame has loaded everything."""
    from napari.components import ViewerModel

    from napari_sam2.viewer.contributions.commands import start_session
    from napari_sam2.viewer.layer_sync import LayerSync

    viewer = ViewerModel()
    viewer.add_image(movie(3), contrast_limits=(0, 255))
    start_session(viewer, model="micro", device="cpu")
    sync = LayerSync.find(viewer)
    _check(sync is not None, "The viewer has no session.")
    sync.events.prompts_changed.connect(sync.prompts.predict)
    points, drafts = sync.layers.points.layer, sync.layers.drafts
    points.add(np.array([0, *centers(0)[0]], float))
    viewer.dims.set_current_step(0, 1)
    counter = CallCounter()
    counter.start()
    points.add(np.array([1, *centers(1)[0]], float))
    plane = np.asarray(drafts.data[1])
    counter.stop()
    _check(bool(plane.any()), "The click gave no mask.")
    return counter


def frame() -> CallCounter:
    """Count what one frame of a run of the command line takes."""
    import tifffile
    from typer.testing import CliRunner

    from napari_sam2.cli.app import app

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tifffile.imwrite(folder / "movie.tif", movie(10), metadata={"axes": "TYX"})
        objects = [
            {"id": i, "points": [{"frame": 0, "yx": list(yx), "label": 1}]}
            for i, yx in enumerate(centers(0), 1)
        ]
        prompts = {"version": 1, "axis": "t", "objects": objects}
        (folder / "prompts.json").write_text(json.dumps(prompts))
        options = ["--prompts", folder / "prompts.json", "--output", folder / "labels.zarr"]
        options += ["--model", "micro", "--device", "cpu", "--view", "zoom"]
        counter = CallCounter()
        with _counting_one_frame(counter):
            command = ["segment", folder / "movie.tif", *options]
            ended = CliRunner().invoke(app, list(map(str, command)))
    _check(ended.exit_code == 0, ended.output)
    return counter


class _counting_one_frame:  # noqa: N801
    """Counts from the first result of one frame to the first result of the next one."""

    def __init__(self, counter: CallCounter) -> None:
        from napari_sam2 import SegmentationSession

        self._session: Any = SegmentationSession
        self._propagate = SegmentationSession.propagate
        self._counter = counter

    def __enter__(self) -> None:
        original = self._propagate

        def propagate(session: Any, *args: Any, **options: Any) -> Iterator[Any]:
            before = -1
            for result in original(session, *args, **options):
                now = result.index[0]
                if now != before:
                    if before == MEASURED_FRAME:
                        self._counter.stop()
                    if now == MEASURED_FRAME:
                        self._counter.start()
                before = now
                yield result

        self._session.propagate = propagate

    def __exit__(self, *_: object) -> None:
        self._counter.stop()
        self._session.propagate = self._propagate


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise RuntimeError(message)


def main() -> None:
    """Print the table."""
    made = parser(__doc__)
    made.add_argument("--pairs", action="store_true", help="also list the calls by modules")
    options = made.parse_args()
    use_threads(options.threads)
    counters = {"click": click(), "frame": frame()}
    report([counter.row(step) for step, counter in counters.items()], options.csv)
    if options.pairs:
        for step, counter in counters.items():
            print(f"\n{step}:")
            for (caller, callee), count in counter.pairs.most_common():
                print(f"{count:5d}  {caller} -> {callee}")


if __name__ == "__main__":
    main()
