"""The real inputs: every kind opens with its axes and is read plane by plane."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.session.storage.fingerprint import Fingerprint


@pytest.mark.parametrize(
    ("name", "axes", "shape"),
    [
        ("t98g_movie/images.tif", "TYX", (37, 1022, 496)),
        ("mouse_embryo_nuclei/8_cell_stage_image.tif", "ZYX", (51, 120, 122)),
        ("msd_hippocampus/images/hippocampus_001.tif", "ZYX", (51, 35, 35)),
    ],
)
def test_tiff_movies_and_volumes(shared, name, axes, shape):
    path = shared / "data" / name
    stack = open_stack(path)
    assert (stack.axes, stack.full_shape, stack.notes) == (axes, shape, ())
    array = tifffile.imread(path)
    for frame in (0, shape[0] // 2, shape[0] - 1):
        np.testing.assert_array_equal(stack.read(stack.index(frame))[0], array[frame])
    side = stack.with_along("y")
    np.testing.assert_array_equal(side.read(side.index(7))[0], array[:, 7])


def test_embryo_shows_its_nuclei(shared):
    stack = open_stack(shared / "data/mouse_embryo_nuclei/8_cell_stage_image.tif")
    masks = tifffile.imread(shared / "data/mouse_embryo_nuclei/8_cell_stage_masks.tif")
    rule = choose_intensity(stack)
    shown = np.stack([rule.to_rgb(stack.read((z,)))[..., 0] for z in range(stack.n_frames)])
    assert shown[masks > 0].mean() > 4 * shown[masks == 0].mean()
    assert np.mean(shown == 255) < 0.01


def test_video_frames(shared):
    folder = shared / "data/davis/blackswan/frames"
    stack = open_stack(folder)
    assert (stack.axes, stack.full_shape) == ("TYXS", (50, 480, 854, 3))
    for frame in (0, 10, 49):
        expected = np.asarray(Image.open(folder / f"{frame:05}.jpg"))
        np.testing.assert_array_equal(
            choose_intensity(stack).to_rgb(stack.read((frame,))), expected
        )


def test_every_volume_of_the_set_opens(shared):
    files = sorted((shared / "data/msd_hippocampus/images").glob("*.tif"))
    assert {open_stack(path).axes for path in files} == {"ZYX"}


def test_single_stills(shared):
    path = next((shared / "data/t98g_stills/images").glob("*.png"))
    stack = open_stack(path)
    assert (stack.axes, stack.n_frames, stack.shape) == ("YX", 1, (1022, 1024))


def test_fingerprints_tell_real_inputs_apart(shared):
    files = sorted((shared / "data/msd_hippocampus/images").glob("*.tif"))[:10]
    prints = [Fingerprint.of(open_stack(path)) for path in files]
    assert len({p.pixels for p in prints}) == len(files)
    assert prints == [Fingerprint.of(open_stack(path)) for path in files]
