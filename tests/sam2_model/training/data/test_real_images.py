"""Stills: split by component, cut into windows, set in motion."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sam2_model.training.data.cutouts import cut_sprite, erase_objects
from sam2_model.training.data.deformation import draw_deformation, warp_image
from sam2_model.training.data.image_dataset import (
    AnnotatedImage,
    Part,
    dsb_images,
    read_image,
    t98g_images,
    validation_components,
)
from sam2_model.training.data.real_images import ImageClips
from sam2_model.training.data.samples import MIN_AREA, SIDE
from sam2_model.training.data.validation_set import validation_images
from sam2_model.training.synthetic.lifecycle import Lifecycle


def blobs(folder: Path, side: int = 300, colors: int = 1, radius: int = 14) -> AnnotatedImage:
    """Write bright discs on dark ground, numbered as in a label image."""
    image = np.full((side, side), 20, np.uint8)
    labels = np.zeros((side, side), np.uint16)
    y, x = np.mgrid[:side, :side]
    centers = [(40, 40), (40, 80), (150, 150), (150, 182), (side - 60, side - 70)]
    for number, (cy, cx) in enumerate(centers, 7):
        inside = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
        image[inside], labels[inside] = 180, number
    picture = np.repeat(image[..., None], 3, -1) if colors == 3 else image
    Image.fromarray(picture).save(folder / "image.png")
    Image.fromarray(labels).save(folder / "mask.png")
    return AnnotatedImage(folder / "image.png", folder / "mask.png", "discs")


@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize("frames", [1, 6])
def test_clips_of_stills(tmp_path: Path, colors: int, frames: int) -> None:
    source = ImageClips([blobs(tmp_path, colors=colors)], (0.5, 3.0), volumes=0.4)
    for seed in range(8):
        sample = source.sample(np.random.default_rng(seed), frames, 3)
        assert sample.images.shape == (frames, SIDE, SIDE, 3)
        assert sample.images.dtype == np.uint8
        assert (sample.masks.sum((2, 3)).max(0) >= MIN_AREA).all()
        np.testing.assert_array_equal(sample.visible, sample.masks.any((2, 3)))
        assert (sample.masks.sum(1) <= 1).all()


def test_masks_follow_what_they_mark(tmp_path: Path) -> None:
    source = ImageClips([blobs(tmp_path)], (0.9, 2.0), volumes=0.2)
    lifecycle = Lifecycle(speed=0.2, hidden=0.3)
    for seed in range(12):
        values, labels = source.clip(np.random.default_rng(seed), 6, lifecycle)
        bright = values[..., 0] > 100
        marked = labels > 0
        both = np.count_nonzero(bright & marked)
        assert both > 0.8 * np.count_nonzero(bright | marked)


def test_one_state_of_chance_gives_one_clip_in_any_order(tmp_path: Path) -> None:
    one, two = (ImageClips([blobs(tmp_path)]) for _ in range(2))
    two.sample(np.random.default_rng(99), 2, 2)
    first, second = (s.sample(np.random.default_rng(5), 3, 2) for s in (one, two))
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.masks, second.masks)


def test_stills_without_objects_or_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no images"):
        ImageClips([])
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "empty.png")
    Image.fromarray(np.zeros((40, 60), np.uint16)).save(tmp_path / "none.png")
    bare = AnnotatedImage(tmp_path / "empty.png", tmp_path / "none.png", "bare")
    with pytest.raises(ValueError, match="No object"):
        ImageClips([bare]).sample(np.random.default_rng(0), 1, 2)


def test_pictures_smaller_than_a_window_are_padded(tmp_path: Path) -> None:
    still = blobs(tmp_path, side=200)
    sample = ImageClips([still], (1.0, 1.0)).sample(np.random.default_rng(1), 1, 2)
    assert sample.images.shape == (1, SIDE, SIDE, 3)


def test_an_object_at_the_edge_may_end_but_shows_no_cut_side(tmp_path: Path) -> None:
    labels = np.zeros((SIDE, SIDE), np.uint16)
    labels[:20, 100:140] = 1
    Image.fromarray(np.where(labels > 0, 200, 20).astype(np.uint8)).save(tmp_path / "i.png")
    Image.fromarray(labels).save(tmp_path / "m.png")
    source = ImageClips(
        [AnnotatedImage(tmp_path / "i.png", tmp_path / "m.png", "edge")], (1.0, 1.0)
    )
    for seed in range(10):
        _, tracked = source.clip(np.random.default_rng(seed), 5, Lifecycle(volume=True))
        for plane in tracked[tracked.any((1, 2))]:
            np.testing.assert_array_equal(plane, labels)


def test_what_is_erased_looks_like_its_surroundings() -> None:
    rng = np.random.default_rng(0)
    ground = np.linspace(50, 90, 128, dtype=np.float32)[:, None, None]
    picture = ground + rng.normal(0, 3, (128, 128, 1)).astype(np.float32)
    labels = np.zeros((128, 128), np.uint16)
    labels[40:70, 30:80] = 1
    painted = picture + 120 * (labels > 0)[..., None]
    filled = erase_objects(painted, labels, 4)
    assert np.abs(filled - ground)[labels > 0].mean() < 6
    np.testing.assert_array_equal(filled[:20], painted[:20])
    assert np.isfinite(erase_objects(painted, np.ones_like(labels), 4)).all()


def test_neighbors_are_not_cut_out_too() -> None:
    labels = np.zeros((40, 40), np.uint16)
    labels[10:30, 10:20], labels[10:30, 20:30] = 1, 2
    picture = np.ones((40, 40, 1), np.float32)
    sprite = cut_sprite(picture, labels, 1, (slice(10, 30), slice(10, 20)))
    np.testing.assert_array_equal(sprite.cover > 0.5, labels[5:35, 5:25] == 1)
    assert sprite.alpha[labels[5:35, 5:25] == 2].max() == 0


def test_a_warp_keeps_labels_on_their_picture() -> None:
    labels = np.zeros((300, 320), np.uint16)
    labels[120:170, 130:190] = 4
    picture = (labels[..., None] * 50).astype(np.uint8)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        warp = draw_deformation(rng, np.array((145.0, 160.0)), 1.3, 4, 3.0)
        for t in range(warp.frames):
            values, found = warp_image(warp, t, picture, labels, np.zeros(1, np.float32))
            wrong = (values[..., 0] > 100) != (found == 4)
            assert np.count_nonzero(wrong) < 0.1 * max(1, np.count_nonzero(found))


def test_components_are_held_out_whole() -> None:
    rng = np.random.default_rng(0)
    images = [(int(rng.integers(90)), f"group{rng.integers(3)}") for _ in range(300)]
    held_out = validation_components(images)
    assert held_out == validation_components(images[::-1])
    sizes = Counter(group for _, group in images)
    taken = Counter(group for component, group in images if component in held_out)
    assert all(0.05 < taken[g] / sizes[g] <= 0.16 for g in sizes)


def test_dsb_parts_share_no_component(shared: Path) -> None:
    folder = shared / "data" / "dsb2018"
    entries = {e["id"]: e for e in json.loads((folder / "manifest.json").read_text())}
    parts = {part: dsb_images(folder, part) for part in Part}
    components = {
        part: {entries[s.image.stem]["component"] for s in stills} for part, stills in parts.items()
    }
    assert not components[Part.TRAINING] & components[Part.VALIDATION]
    assert sum(map(len, parts.values())) == len(entries)
    share = len(parts[Part.VALIDATION]) / len(entries)
    assert 0.1 < share < 0.17
    groups = Counter(s.group for s in parts[Part.VALIDATION])
    assert {"fluo_256x256", "fluo_360x360", "fluo_520x696", "histology_purple"} <= set(groups)
    assert {s.group[:4] for s in dsb_images(folder, Part.TRAINING, "fluo")} == {"fluo"}


def test_t98g_parts_share_no_picture(shared: Path) -> None:
    folder = shared / "data" / "t98g_stills"
    training, held_out = (t98g_images(folder, part) for part in Part)
    assert not {s.image for s in training} & {s.image for s in held_out}
    assert (len(training), len(held_out)) == (20, 4)
    image, labels = read_image(held_out[0])
    assert image.dtype == np.uint8
    assert image.shape == labels.shape


def test_held_out_clips_show_an_object_that_comes_back(shared: Path) -> None:
    clips = validation_images(shared / "data" / "dsb2018", 1, frames=12)
    again = validation_images(shared / "data" / "dsb2018", 1, frames=12)
    np.testing.assert_array_equal(clips[0].images, again[0].images)
    (clip,) = clips
    assert clip.images.shape == (12, SIDE, SIDE, 3)
    assert clip.visible[0].all()
    assert clip.visible[-1, 0]
    assert 1 <= np.count_nonzero(~clip.visible[:, 0]) <= 4
    assert clip.masks.shape[1] >= 2
