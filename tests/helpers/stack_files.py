"""Small inputs of every kind, and a store that counts what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore


class CountingStore(LocalStore):
    """A local zarr store that remembers which chunks were asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, read_only=True)
        self.chunks: list[str] = []
        self.bytes = 0

    async def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
        buffer = await super().get(key, *args, **kwargs)
        if buffer is not None and not key.rsplit("/")[-1].startswith((".z", "zarr.json")):
            self.chunks.append(key)
            self.bytes += len(buffer)
        return buffer


def noise(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    if dtype == "bool":
        return rng.random(shape) > 0.5
    info = np.iinfo(dtype)
    return rng.integers(info.min, min(int(info.max), 2**40), shape, dtype=dtype, endpoint=True)


def write_ome_zarr(
    path: Path, arrays: list[NDArray[Any]], version: str, axes: str = "tczyx"
) -> None:
    """Write a minimal OME-Zarr image of one of two versions, by the letter of the format."""
    zarr_format = 2 if version == "0.4" else 3
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    kinds = {"t": "time", "c": "channel"}
    units = {"t": "second", "c": None}
    entries = []
    for axis in axes:
        entry = {"name": axis, "type": kinds.get(axis, "space")}
        unit = units.get(axis, "micrometer")
        entries.append(entry | ({"unit": unit} if unit else {}))
    datasets = []
    for number, array in enumerate(arrays):
        chunks = tuple(1 if a in "tcz" else 32 for a in axes)
        stored = group.create_array(
            str(number), shape=array.shape, dtype=array.dtype, chunks=chunks
        )
        stored[...] = array
        scale = [0.5 * 2**number if a in "yx" else 2.0 for a in axes]
        datasets.append(
            {
                "path": str(number),
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        )
    image = {"axes": entries, "datasets": datasets, "name": "image"}
    if version == "0.4":
        group.attrs["multiscales"] = [{**image, "version": "0.4"}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    assert json.dumps(dict(group.attrs))


def write_video(path: Path, frames: NDArray[np.uint8], codec: str, **options: str) -> None:
    """Encode (T, H, W, 3) frames."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "gray" if codec == "ffv1" else "yuv420p"
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def movie(count: int = 30) -> NDArray[np.uint8]:
    """Frames that all differ, so that a wrong frame number shows."""
    frames = np.zeros((count, 48, 64, 3), np.uint8)
    for number in range(count):
        frames[number] = number * 4
        frames[number, :, :number] = 255 - 3 * number
    return frames
