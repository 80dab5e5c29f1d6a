"""Label images whose values are not simply ids: lossy masks, colors, NaN and fractions."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_image import open_label_image
from napari_sam2.masks.label_values import GraySamples, has_two_levels, whole_labels
from napari_sam2.prompts.io import load_prompts

SIDE = 64
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
DISC = (ROWS - 30) ** 2 + (COLUMNS - 20) ** 2 < 81


def _stack(frames=1):
    return open_stack(np.zeros((frames, SIDE, SIDE), np.uint8), axes="TYX")


def _plane(path):
    labels = open_label_image(path)
    return np.asarray(labels[(slice(None),) * len(labels.shape)]), labels.notes


@pytest.mark.parametrize("quality", [20, 50, 80, 95])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_mask_saved_as_jpeg_is_one_object(tmp_path, mode, quality):
    path = tmp_path / "mask.jpg"
    Image.fromarray(DISC.astype("u1") * 255).convert(mode).save(path, quality=quality)
    (mask,) = load_prompts(path, _stack())
    found, notes = _plane(path)
    np.testing.assert_array_equal(found, DISC * 255)
    assert mask.object_id == 255
    assert mask.mask.sum() == DISC.sum()
    assert "mask.jpg is a mask of two gray levels" in notes[0]


def test_other_lossy_files_are_thresholded_too(tmp_path):
    picture = Image.fromarray(DISC.astype("u1") * 255)
    picture.convert("RGB").save(tmp_path / "mask.webp", quality=50)
    picture.save(tmp_path / "mask.tif", compression="jpeg")
    (tmp_path / "frames").mkdir()
    for number in range(2):
        picture.save(tmp_path / "frames" / f"{number}.jpg")
    for name in ("mask.webp", "mask.tif", "frames"):
        found, _ = _plane(tmp_path / name)
        np.testing.assert_array_equal(found, np.broadcast_to(DISC * 255, found.shape))


@pytest.mark.parametrize("quality", [None, 30])
def test_a_mask_with_smooth_edges_in_a_lossless_file_is_one_object(tmp_path, quality):
    values = ndimage.gaussian_filter((DISC * 255).astype("u1"), 1)
    if quality is not None:
        Image.fromarray(DISC.astype("u1") * 255).save(tmp_path / "mask.jpg", quality=quality)
        values = np.asarray(Image.open(tmp_path / "mask.jpg"))
    path = tmp_path / "mask.png"
    Image.fromarray(values).save(path)
    found, notes = _plane(path)
    assert np.unique(found).tolist() == [0, 255]
    assert notes


def test_a_small_mask_that_was_resized_is_pointed_out(tmp_path):
    small = Image.fromarray(DISC.astype("u1") * 255).resize((8, 8))
    small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(tmp_path / "mask.png")
    _, notes = _plane(tmp_path / "mask.png")
    assert any("single pixels" in note or "two gray levels" in note for note in notes)


@given(st.integers(0, 2**32 - 1), st.integers(2, 255))
def test_ids_in_a_lossless_file_are_kept(tmp_path_factory, seed, count):
    rng = np.random.default_rng(seed)
    ids = rng.permutation(255)[:count].astype("u1") + 1
    labels = np.kron(np.resize(ids, (16, 16)), np.ones((4, 4), "u1"))
    path = tmp_path_factory.mktemp("labels") / "labels.png"
    Image.fromarray(labels).save(path)
    found, notes = _plane(path)
    np.testing.assert_array_equal(found, labels)
    assert not notes


@pytest.mark.parametrize("ids", [(1, 2, 3), (1, 255), (100, 200)])
def test_ids_compressed_with_loss_are_refused(tmp_path, ids):
    labels = np.zeros((SIDE, SIDE), "u1")
    for number, value in enumerate(ids):
        labels[4:14, 20 * number : 20 * number + 12] = value
    labels[50:, 50:] = ids[0]
    path = tmp_path / "labels.jpg"
    Image.fromarray(labels).save(path, quality=95)
    with pytest.raises(UserError, match=r"labels\.jpg is compressed with loss"):
        load_prompts(path, _stack())


def test_an_empty_frame_of_a_lossy_mask_is_empty():
    assert has_two_levels(np.zeros((8, 8), "u1"))
    assert not has_two_levels(np.full((8, 8), 3, "u1"))


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGB", ".png"), ("RGBA", ".png"), ("LA", ".png"), ("RGB", ".tif"), ("RGBA", ".tif")],
)
def test_gray_colors_give_their_gray_values(tmp_path, mode, suffix):
    path = tmp_path / f"mask{suffix}"
    labels = (DISC * 7).astype("u1")
    Image.fromarray(labels).convert(mode).save(path)
    found, _ = _plane(path)
    np.testing.assert_array_equal(found, labels)
    assert [p.object_id for p in load_prompts(path, _stack())] == [7]


def test_labels_with_channels_are_refused(tmp_path):
    path = tmp_path / "mask.tif"
    Image.fromarray((DISC * 7).astype("u1")).convert("LA").save(path)
    with pytest.raises(UserError, match=r"mask\.tif has 2 channels, but labels have one"):
        load_prompts(path, _stack())


def test_transparent_pixels_are_background(tmp_path):
    path = tmp_path / "cutout.png"
    white = np.full((SIDE, SIDE, 4), 255, "u1")
    white[..., 3] = DISC * 255
    Image.fromarray(white).save(path)
    np.testing.assert_array_equal(_plane(path)[0], DISC * 255)


def test_colors_are_refused_with_advice(tmp_path):
    path = tmp_path / "colors.png"
    Image.fromarray(np.stack([DISC * 200, DISC * 10, DISC * 0], -1).astype("u1")).save(path)
    with pytest.raises(UserError, match=r"colors\.png has colors.*own gray value"):
        load_prompts(path, _stack())


@given(st.integers(0, 3), st.data())
def test_gray_samples_are_read_by_any_key(axis, data):
    labels = np.arange(2 * 3 * 4, dtype="u2").reshape(2, 3, 4)
    colors = np.stack([labels] * 3, axis)
    key = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.slices(n).filter(lambda s: s.step != 0)))
        for n in labels.shape
    )
    np.testing.assert_array_equal(GraySamples(colors, axis, "colors")[key], labels[key])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "holds NaN.*Set NaN to 0"),
        (0.5, r"fractions such as 0\.5: labels are whole numbers.*Threshold"),
        (np.inf, "holds infinity"),
        (-1, "holds -1"),
    ],
)
def test_values_that_are_no_ids_are_refused_with_advice(tmp_path, value, words):
    labels = (DISC * 3).astype("f4")
    labels[0, 0] = value
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    with pytest.raises(UserError, match=words):
        load_prompts(tmp_path / "labels.tif", _stack())


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float32, np.float64])
def test_whole_numbers_are_labels_in_any_format(dtype):
    values = np.array([[0, 1], [1, 0]], dtype)
    labels = whole_labels(values)
    assert labels.dtype.kind in "bui"
    np.testing.assert_array_equal(labels, values)


@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan, np.inf, -np.inf])
def test_other_numbers_are_no_labels(value):
    with pytest.raises(UserError, match="labels are"):
        whole_labels(np.array([[0.0, 3.0], [value, 1.0]]))
