"""300 objects x 100 frames, by model and by the model's input: time, memory, IoU.

    python -m tests.benchmarks.many_objects --budget 120
    python -m tests.benchmarks.many_objects --models micro --inputs 256 --objects 12 --frames 4

Every combination runs in a process of its own. One that would take longer than ``--budget``
seconds is measured on fewer objects, neighbors in the middle of the plane, so that they share
windows as all would, and stopped after the frame in work when the time is over:
the table says how many objects and frames were measured, and the time for all of them is then
their time per object-frame times the number of object-frames ("estimated").

``tiny`` is the public architecture with random weights, for which no IoU exists: the network runs
as it would, but masks by brightness stand in for its own, so that windows stay where they belong.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from scipy import ndimage

import napari_sam2
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.inference.sam2_predictor import SAM2Predictor, untrained_predictor
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from sam2_model.checkpoint import load_model, weights_hash
from sam2_model.device import resolve_device
from sam2_model.modeling.config import MODEL_CONFIGS
from sam2_model.precision import resolve_precision
from tests.benchmarks.measuring import (
    Row,
    in_own_process,
    label_ious,
    parser,
    peak_memory,
    report,
    use_threads,
)
from tests.benchmarks.nuclei import scattered
from tests.benchmarks.small_objects import prompts
from tests.helpers.fakes import FakePredictor, FakeState

TINY = "sam2.1_hiera_tiny"
MEMORIES = 7
"""Frames after which a track's memory, and so the time of a frame, no longer grows."""


@dataclass(frozen=True)
class Pair:
    """What the network made, beside what stands in for it."""

    network: Any
    standin: Any

    @property
    def shape(self) -> tuple[int, int]:
        return self.network.shape

    @property
    def nbytes(self) -> int:
        return self.network.nbytes


class Timed:
    """Runs an untrained network, and answers by brightness."""

    def __init__(self, network: SAM2Predictor) -> None:
        self.network = network
        self.standin = FakePredictor(network.info.image_size)
        self.info = network.info

    def with_memory(self, policy: MemoryPolicy) -> Timed:
        return Timed(self.network.with_memory(policy))

    def encode(self, image: Any) -> Pair:
        return Pair(self.network.encode(image), self.standin.encode(image))

    def predict(self, encoding: Any, prompt: Any) -> Any:
        self.network.predict(encoding.network, prompt)
        return self.standin.predict(encoding.standin, prompt)

    def add_prompts(self, encoding: Any, frame: int, asked: Any, states: Any) -> Any:
        return self._both("add_prompts", encoding, frame, asked, states=states)

    def track(self, encoding: Any, frame: int, states: Any, **options: bool) -> Any:
        return self._both("track", encoding, frame, states=states, **options)

    def add_masks(
        self, encoding: Any, frame: int, logits: Any, states: Any, *, conditioning: bool
    ) -> Any:
        return self._both(
            "add_masks", encoding, frame, logits, states=states, conditioning=conditioning
        )

    def shift_memory(self, state: Pair, tokens: tuple[int, int]) -> Pair:
        return Pair(
            self.network.shift_memory(state.network, tokens),
            self.standin.shift_memory(state.standin, tokens),
        )

    def serialize_state(self, state: Pair) -> bytes:
        return self.network.serialize_state(state.network)

    def deserialize_state(self, data: bytes) -> Any:
        raise NotImplementedError("a benchmark is never resumed")

    def _both(self, name: str, encoding: Pair, *args: Any, states: Any, **options: Any) -> Any:
        """Call both with their own encoding and states; pair the states they give back."""
        made = getattr(self.network, name)(
            encoding.network, *args, [s and s.network for s in states], **options
        )
        stood = getattr(self.standin, name)(
            encoding.standin, *args, [s and s.standin for s in states], **options
        )
        return [_paired(a, b) for a, b in zip(made, stood, strict=True)]


def _paired(made: Any, stood: Any) -> Any:
    if isinstance(stood, FakeState):
        return Pair(made, stood)
    return type(stood)(
        stood.logits, stood.predicted_iou, stood.object_score, Pair(made.state, stood.state)
    )


def predictor_of(model: str, image_size: int, device: str) -> Any:
    """Return a predictor whose input has ``image_size`` pixels a side."""
    if model == "tiny":
        config = MODEL_CONFIGS[TINY].resized(image_size)
        found = resolve_device(device)
        return Timed(untrained_predictor(config, found, resolve_precision("auto", found)))
    network = load_model(model, device=device, dtype="auto", image_size=image_size)
    return SAM2Predictor(network, Path(model).name, weights_hash(network))


def make_movie(folder: Path, given: Any) -> None:
    """Write the movie and its truth, a chunk a frame."""
    side = given.side or max(256, int(64 * math.sqrt(given.objects)))
    shape = (side, side)
    nuclei = scattered(shape, given.objects, given.frames, given.diameter, 0)
    whole = (given.frames, *shape)
    images, truth = (
        zarr.create_array(folder / name, shape=whole, chunks=(1, *shape), dtype=dtype)
        for name, dtype in (("images.zarr", "uint8"), ("truth.zarr", "uint16"))
    )
    for frame, (image, labels) in enumerate(nuclei.movie(shape, 0)):
        images[frame], truth[frame] = image, labels


def measure(
    folder: str,
    model: str,
    image_size: int,
    device: str,
    view: str,
    objects: int,
    frames: int,
    budget: float,
    threads: int | None,
) -> dict[str, Any]:
    """Follow the objects with one model at one input size; all in this process."""
    use_threads(threads)
    truth = zarr.open_array(Path(folder) / "truth.zarr", mode="r")
    asked = middle_first(np.asarray(truth[0]))
    predictor = predictor_of(model, image_size, device)

    def session(count: int) -> Any:
        return napari_sam2.open_session(
            str(Path(folder) / "images.zarr"),
            asked[:count],
            axes="TYX",
            along="t",
            model=predictor,
            settings=SessionSettings(view=ViewPolicy.parse(view), checkpoint_every=10**9),
        )

    one = _seconds_of_one(session(1), min(3, frames))
    affordable = int(budget / (one * (MEMORIES + 2)))
    count = max(1, min(objects, affordable))
    run = session(count)
    followed = {prompt.object_id for prompt in asked[:count]}
    began, done = time.perf_counter(), 0
    for result in run.propagate(PropagationRequest(direction=PropagationDirection.FORWARD)):
        done = result.frame
        if time.perf_counter() - began > budget:
            run.cancel()
    seconds = time.perf_counter() - began
    found = [
        iou
        for frame in range(1, done + 1)
        for label, iou in label_ious(np.asarray(truth[frame]), run.labels.read((frame,))).items()
        if label in followed
    ]
    return {
        "objects": count,
        "frames": done + 1,
        "seconds": seconds,
        "iou": float(np.mean(found)) if found and predictor.info.trained else None,
        "peak": peak_memory(),
        "encodings": run.encodings / (done + 1),
    }


def middle_first(labels: np.ndarray) -> list[Any]:
    """Return a mask prompt for each object, those in the middle of the plane first."""
    centers = {
        number: np.mean([[s.start, s.stop] for s in box], axis=1)
        for number, box in enumerate(ndimage.find_objects(labels), 1)
        if box is not None
    }
    middle = np.array(labels.shape) / 2
    asked = prompts(labels, LabelPromptKind.MASK)
    return sorted(asked, key=lambda p: float(np.linalg.norm(centers[p.object_id] - middle)))


def _seconds_of_one(session: Any, frames: int) -> float:
    """Return the seconds per frame of one object alone, after a first frame to warm up."""
    request = PropagationRequest(direction=PropagationDirection.FORWARD, frames=(0, frames))
    times = [time.perf_counter() for _ in session.propagate(request)]
    return (times[-1] - times[0]) / max(len(times) - 1, 1) or 1e-3


def row_of(model: str, image_size: int, given: Any, found: dict[str, Any]) -> Row:
    """Return the line of the table."""
    per = found["seconds"] / (found["objects"] * found["frames"])
    whole = (found["objects"], found["frames"]) == (given.objects, given.frames)
    total = found["seconds"] if whole else per * given.objects * given.frames
    return {
        "model": model if model != "tiny" else "tiny (random weights)",
        "input px": image_size,
        "view": given.view,
        "objects measured": f"{found['objects']} of {given.objects}",
        "frames measured": f"{found['frames']} of {given.frames}",
        "ms per object-frame": per * 1e3,
        "wall time, s": f"{total:.0f}" + ("" if whole else " (estimated)"),
        "peak memory, MB": found["peak"] / 1e6,
        "encodings per frame": found["encodings"],
        "IoU": found["iou"],
    }


def main() -> None:
    """Print one row for each model and input."""
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", default=["micro", "tiny"])
    options.add_argument("--inputs", nargs="+", type=int, default=[1024, 512, 256])
    options.add_argument("--device", default="auto")
    options.add_argument("--view", default="zoom")
    options.add_argument("--objects", type=int, default=300)
    options.add_argument("--frames", type=int, default=100)
    options.add_argument("--diameter", type=float, default=24)
    options.add_argument("--side", type=int, help="of the plane; made to fit the objects")
    options.add_argument("--budget", type=float, default=300, help="seconds a combination")
    options.add_argument("--task", help="used by the benchmark itself")
    given = options.parse_args()
    if given.task:
        print(json.dumps(measure(**json.loads(given.task))))
        return
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        make_movie(Path(folder), given)
        for model, image_size in product(given.models, given.inputs):
            task = {"folder": folder, "model": model, "image_size": image_size}
            for name in ("device", "view", "objects", "frames", "budget", "threads"):
                task[name] = getattr(given, name)
            found = in_own_process("tests.benchmarks.many_objects", task)
            rows.append(row_of(model, image_size, given, found))
            print(rows[-1], file=sys.stderr)
    report(rows, given.csv)


if __name__ == "__main__":
    main()
