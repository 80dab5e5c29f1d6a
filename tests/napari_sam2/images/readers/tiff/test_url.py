"""TIFF by URL, from servers that send parts of a file and from one that does not."""

from __future__ import annotations

import fsspec
import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise


@pytest.fixture
def movie(tmp_path):
    array = noise((3, 64, 64))
    tifffile.imwrite(tmp_path / "a.tif", array, metadata={"axes": "TYX"}, photometric="minisblack")
    memory = fsspec.filesystem("memory")
    memory.pipe("/movies/a.tif", (tmp_path / "a.tif").read_bytes())
    yield array
    memory.rm("/movies", recursive=True)


def test_a_movie_by_url(movie):
    stack = open_stack("memory://movies/a.tif")
    assert (stack.name, stack.axes, stack.source.files) == ("a.tif", "TYX", ())
    np.testing.assert_array_equal(stack.read((2,))[0], movie[2])
    crop = stack.read((1,), Window(3, 4, 30, 40))[0]
    np.testing.assert_array_equal(crop, movie[1, 3:30, 4:40])


def test_a_truncated_movie_by_url(movie):
    memory = fsspec.filesystem("memory")
    memory.pipe("/movies/b.tif", memory.cat("/movies/a.tif")[:-5000])
    with pytest.raises(UserError, match="truncated"):
        open_stack("memory://movies/b.tif")


@pytest.mark.parametrize("url", ["memory://movies/none.tif", "nonsense://movies/none.tif"])
def test_a_url_that_cannot_be_read_has_advice(url):
    with pytest.raises(UserError, match="Download the file"):
        open_stack(url)
