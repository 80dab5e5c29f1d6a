"""Planes composed of tiles, compared with the same tiles drawn into a whole plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.geometry import Window
from napari_sam2.images.readers.microscopy.czi_tiles import Tile, TiledArray

SIDE = st.integers(1, 6)


@st.composite
def tiles(draw: Any) -> list[Tile]:
    count = draw(st.integers(1, 6))
    samples = draw(st.sampled_from([1, 3]))
    return [_tile(draw, number, samples) for number in range(count)]


def _tile(draw: Any, number: int, samples: int) -> Tile:
    y, x, height, width = draw(st.tuples(st.integers(-5, 9), st.integers(-5, 9), SIDE, SIDE))
    shape = (height, width, samples) if samples > 1 else (height, width)
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape) + 100 * (number + 1)
    place = {"Z": draw(st.integers(3, 5)), "C": 0}
    window = Window(y, x, y + height, x + width)
    return Tile(0, place, window, samples, np.dtype(np.uint16), lambda: pixels)


def drawn(found: list[Tile], shape: tuple[int, ...], z: int) -> np.ndarray:
    y0 = min(tile.window.y0 for tile in found)
    x0 = min(tile.window.x0 for tile in found)
    plane = np.zeros(shape, np.uint16)
    for tile in found:
        if tile.place["Z"] == z:
            plane[tile.window.shift(-y0, -x0).slices] = tile.read()
    return plane


@given(tiles(), st.data())
def test_any_window_is_that_of_the_drawn_plane(found: list[Tile], data: Any) -> None:
    array = TiledArray(found)
    depth = array.axes.index("Y")
    plane_shape = array.shape[depth:]
    y0, y1 = sorted(data.draw(st.tuples(*[st.integers(0, plane_shape[0])] * 2)))
    x0, x1 = sorted(data.draw(st.tuples(*[st.integers(0, plane_shape[1])] * 2)))
    first = min(tile.place["Z"] for tile in found)
    for z in {tile.place["Z"] for tile in found}:
        key = (z - first,) if depth else ()
        window = (slice(y0, y1), slice(x0, x1), slice(None))[: len(plane_shape)]
        np.testing.assert_array_equal(array[(*key, *window)], drawn(found, plane_shape, z)[window])


def test_only_the_tiles_of_the_window_are_read() -> None:
    read = []

    def tile(x: int) -> Tile:
        def pixels() -> np.ndarray:
            read.append(x)
            return np.full((4, 4), x, np.uint8)

        return Tile(0, {}, Window(0, x, 4, x + 4), 1, np.dtype(np.uint8), pixels)

    array = TiledArray([tile(x) for x in (0, 4, 8, 12)])
    assert array.chunks == (4, 4)
    assert array[slice(0, 2), slice(5, 9)].tolist() == [[4, 4, 4, 8]] * 2
    assert read == [4, 8]
