"""How many objects a batch should hold: time per object and frame, by batch size.

    python tests/benchmarks/objects_per_batch.py --model micro --objects 16

Prints one row per batch size, slowest of none: medians over frames, the sizes measured in turn on
each frame so that a machine whose speed drifts slows all of them alike.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import TrackState
from sam2_model.modeling.config import MICRO, MODEL_CONFIGS
from sam2_model.tracker import Tracker, TrackerSettings
from sam2_model.transforms import Coordinates, frame_pixels
from tests.helpers.networks import network
from tests.parity.replay.inputs import frames


def started(tracker: Tracker, count: int, clip: list[np.ndarray]) -> list[TrackState]:
    """Return states of ``count`` objects, each clicked on frame 0 and tracked over the others."""
    size, device = tracker.model.config.image_size, tracker.model.device
    height, width = clip[0].shape[:2]
    coordinates = Coordinates(height, width, size)
    points = np.random.default_rng(0).uniform(20, 100, (count, 2))
    with torch.inference_mode():
        features = [tracker.model.encode_image(frame_pixels(one, size, device)) for one in clip]
    tokens = [coordinates.points([p], [1], device) for p in points]
    masks = [tracker.predict(features[0], FrameTime(0), one) for one in tokens]
    entries = tracker.encode_memory(features[0], 0, masks)
    states = [TrackState().with_conditioning(entry) for entry in entries]
    for t, one in enumerate(features[1:], 1):
        states = [state for _, state in tracker.track(one, FrameTime(t), states)]
    return states


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="micro")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--objects", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    config = MICRO if given.model == "micro" else MODEL_CONFIGS[given.model]
    model = network(config.resized(given.image_size or config.image_size))
    clip = frames(5, 9, 128, 160)
    sizes = [n for n in (1, 2, 4, 8, 16, 32) if n <= given.objects]
    trackers = {n: Tracker(model, TrackerSettings(objects_per_batch=n)) for n in sizes}
    states = started(trackers[sizes[-1]], given.objects, clip[:8])
    pixels = frame_pixels(clip[8], model.config.image_size, model.device)
    with torch.inference_mode():
        features = model.encode_image(pixels)
    times: dict[int, list[float]] = {n: [] for n in sizes}
    for _ in range(given.repeats):
        for n, tracker in trackers.items():
            begun = time.perf_counter()
            tracker.track(features, FrameTime(8), states)
            times[n].append((time.perf_counter() - begun) / given.objects * 1e3)
    base = statistics.median(times[1])
    print(
        f"{given.model} at {model.config.image_size} px, {given.objects} objects, "
        f"{given.threads} threads"
    )
    print("objects per batch   ms per object-frame   relative to 1")
    for n in sizes:
        middle = statistics.median(times[n])
        print(f"{n:17d}   {middle:19.1f}   {middle / base:13.2f}")


if __name__ == "__main__":
    main()
