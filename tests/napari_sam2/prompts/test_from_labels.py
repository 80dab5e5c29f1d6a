"""Prompts from label images."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from napari_sam2.masks import label_image
from napari_sam2.masks.label_image import label_crops
from napari_sam2.prompts.from_labels import LabelPromptKind, interior_point
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt


def stack_of(shape=(5, 30, 40), **options):
    return open_stack(np.zeros(shape, np.uint8), **{"axes": "TYX"} | options)


def plane():
    labels = np.zeros((30, 40), np.uint16)
    labels[2:5, 3:10] = 4
    labels[20:27, 30:33] = 1000
    return labels


def test_plane_is_for_the_first_frame_unless_told():
    store = load_prompts(plane(), stack_of())
    assert list(store) == [MaskPrompt.of(n, 0, plane() == n) for n in (4, 1000)]
    assert load_prompts(plane(), stack_of(), frame=3).frames() == (3,)


def test_stack_prompts_every_frame_that_shows_labels():
    labels = np.zeros((5, 30, 40), np.uint16)
    labels[1] = plane()
    labels[4, 0, 0] = 4
    store = load_prompts(labels, stack_of())
    assert store.frames(4) == (1, 4)
    assert store.frames(1000) == (1,)
    assert load_prompts(labels, stack_of(), frame=4).objects() == (4,)


def test_as_boxes():
    assert list(load_prompts(plane(), stack_of(), labels_as=LabelPromptKind.BOX)) == [
        BoxPrompt(4, 0, (2, 3), (5, 10)),
        BoxPrompt(1000, 0, (20, 30), (27, 33)),
    ]


def test_as_centers():
    (first, second) = load_prompts(plane(), stack_of(), labels_as=LabelPromptKind.CENTER)
    assert first == PointPrompt(4, 0, (3, 4))
    assert second.yx[1] == 31


@given(arrays(bool, (7, 8)).filter(np.any))
def test_the_deepest_pixel_is_inside(mask):
    y, x = interior_point(mask)
    assert mask[y, x]
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    assert distance[y, x] == distance.max()


@given(arrays(np.uint8, (9, 11), elements={"max_value": 3}))
def test_crops_rebuild_the_plane(labels):
    rebuilt = np.zeros_like(labels)
    for label, window, mask in label_crops(lambda w: labels[w.slices], labels.shape):
        rebuilt[window.slices][mask] = label
        assert mask.any(axis=0)[[0, -1]].all()
        assert mask.any(axis=1)[[0, -1]].all()
    np.testing.assert_array_equal(rebuilt, labels)


def test_large_planes_are_read_in_tiles(monkeypatch):
    monkeypatch.setattr(label_image, "_WHOLE", 0)
    asked: list[Window] = []

    def read(window):
        asked.append(window)
        tile = np.zeros(window.shape, np.uint8)
        bar = Window(2000, 10, 2100, 12).intersect(window)
        if not bar.empty:
            tile[bar.relative_to(window).slices] = 5
        return tile

    ((label, window, mask),) = label_crops(read, (5000, 5000))
    assert (label, window, mask.all()) == (5, Window(2000, 10, 2100, 12), True)
    assert max(w.shape[0] * w.shape[1] for w in asked) <= 2048**2


@pytest.mark.parametrize("name", ["labels.tif", "labels.npy", "labels.png", "labels.zarr"])
def test_files(tmp_path, name):
    path, labels = tmp_path / name, plane().astype(np.uint8)
    if name.endswith("tif"):
        tifffile.imwrite(path, labels)
    elif name.endswith("npy"):
        np.save(path, labels)
    elif name.endswith("png"):
        picture = Image.fromarray(labels, mode=None).convert("P")
        picture.putpalette(list(range(255, -1, -1)) * 3)
        picture.putdata(labels.ravel())
        picture.save(path)
    else:
        import zarr

        zarr.save_array(path, labels)
    expected = [MaskPrompt.of(int(n), 0, labels == n) for n in np.unique(labels)[1:]]
    assert list(load_prompts(path, stack_of())) == expected


def test_nifti_labels_lie_as_their_volume_does(tmp_path):
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[1, 2, 5] = 3
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "image.nii.gz")
    stack = open_stack(tmp_path / "image.nii.gz", along="z")
    (prompt,) = load_prompts(tmp_path / "image.nii.gz", stack)
    row, column = stack.plane
    at = dict(zip("xyz", (1, 2, 5), strict=True))
    assert (prompt.frame, prompt.offset) == (5, (at[row], at[column]))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((30, 40), np.uint8), "no objects"),
        (np.zeros((29, 40), np.uint8), "has shape"),
        (np.zeros((4, 30, 40), np.uint8), "has shape"),
        (np.full((30, 40), -1), "holds -1"),
        (np.full((30, 40), 0.5), "fractions"),
        (np.full((30, 40), np.nan), "NaN"),
    ],
)
def test_bad_label_images(labels, words):
    with pytest.raises(UserError, match=words):
        load_prompts(labels, stack_of())


def test_bad_files_and_frames(tmp_path):
    with pytest.raises(UserError, match="Frame 9"):
        load_prompts(plane(), stack_of(), frame=9)
    (tmp_path / "empty.tif").touch()
    with pytest.raises(UserError, match="empty"):
        load_prompts(tmp_path / "empty.tif", stack_of())
    for name in ("bad.npy", "bad.png", "bad.tif"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(UserError, match=name):
            load_prompts(tmp_path / name, stack_of())
    with pytest.raises(UserError, match="Cannot read prompts"):
        load_prompts(3, stack_of())
    with pytest.raises(UserError, match="not int"):
        load_prompts([3], stack_of())


def test_dense_labels_of_a_real_movie(shared):
    masks = tifffile.imread(shared / "data" / "t98g_movie" / "masks_tracked.tif", key=[0, 1])
    labels = np.zeros((4, *masks.shape[1:]), masks.dtype)
    labels[[0, 2]] = masks
    store = load_prompts(labels, stack_of(labels.shape))
    rebuilt = np.zeros_like(labels)
    for prompt in store:
        rebuilt[prompt.frame][prompt.window.slices][prompt.mask] = prompt.object_id
    np.testing.assert_array_equal(rebuilt, labels)
