"""Errors for input that cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sam2_model.automatic_mask_generator import AutomaticMaskGenerator, MaskGeneratorSettings
from sam2_model.errors import InputError
from sam2_model.image_predictor import EncodedImage, ImagePredictor
from sam2_model.modeling.config import SAM2Config
from sam2_model.modeling.sam2 import SAM2
from sam2_model.video_predictor import VideoPredictor, VideoSession
from tests.helpers.networks import clip, network

HEIGHT, WIDTH = 48, 60


@pytest.fixture(scope="module")
def model() -> SAM2:
    return network()


@pytest.fixture(scope="module")
def images(model: SAM2) -> ImagePredictor:
    return ImagePredictor(model)


@pytest.fixture(scope="module")
def encoded(images: ImagePredictor) -> EncodedImage:
    return images.encode_image(clip(1)[0])


@pytest.fixture
def session(model: SAM2) -> VideoSession:
    return VideoPredictor(model).start(clip(4))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"must be \(H, W\), .*channel axis"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"must be \(H, W\)"),
        (np.zeros((0, 4), np.uint8), "empty"),
        (np.full((4, 4), np.nan, np.float32), "NaN or infinite.*nan_to_num"),
        (np.full((4, 4), np.inf, np.float32), "NaN or infinite"),
        (np.full((4, 4), 300, np.uint16), "uint8 or float in 0..1, got uint16"),
        (np.full((4, 4), 2.0), "must lie in 0..1"),
        (np.zeros((4, 4), np.complex64), "got complex64"),
        (np.zeros((4, 4), "U1"), "uint8 or float"),
    ],
)
def test_image(images: ImagePredictor, image: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        images.encode_image(image)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({}, "There is no prompt"),
        ({"points": [[1, 1]]}, "one label per point"),
        ({"points": [[1, 1]], "labels": [1, 0]}, "Points must be"),
        ({"points": [[1, 1, 1]], "labels": [1]}, "Points must be"),
        ({"points": [[-1, 5]], "labels": [1]}, r"lies outside the image of 60 x 48"),
        ({"points": [[70, 5]], "labels": [1]}, "lies outside"),
        ({"points": [[np.nan, 5]], "labels": [1]}, "lies outside"),
        ({"points": [[1, 1]], "labels": [2]}, r"1 \(inside\) or 0 \(outside\)"),
        ({"points": [[1, 1]], "labels": [-1]}, r"1 \(inside\) or 0 \(outside\)"),
        ({"box": [10, 10, 10, 20]}, "x1 > x0 and y1 > y0"),
        ({"box": [10, 20, 20, 10]}, "x1 > x0 and y1 > y0"),
        ({"box": [0, 0, np.nan, 5]}, "x1 > x0 and y1 > y0"),
        ({"box": [100, 10, 120, 20]}, "lies outside the image"),
        ({"box": [1, 2, 3]}, r"A box is \(x0, y0, x1, y1\)"),
        ({"mask_input": np.zeros((1, 5, 5))}, "mask_input must be"),
        (
            {"box": [[0, 0, 5, 5], [0, 0, 9, 9]], "points": [[[1, 1]]], "labels": [[1]]},
            "2 boxes but 1 sets of points",
        ),
    ],
)
def test_image_prompt(
    images: ImagePredictor, encoded: EncodedImage, prompt: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        images.predict(encoded, **prompt)


def test_corner_points_are_inside(images: ImagePredictor, encoded: EncodedImage) -> None:
    found = images.predict(encoded, [[0, 0], [WIDTH, HEIGHT]], [1, 0])
    assert found.masks.shape == (1, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((5, 5), bool), r"mask is \(5, 5\) but the image is \(48, 60\)"),
        (np.full((HEIGHT, WIDTH), 2), "only 0 and 1.*labels == value"),
        (np.full((HEIGHT, WIDTH), 0.5), "only 0 and 1"),
    ],
)
def test_mask_prompt(session: VideoSession, mask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        session.add_mask(0, 1, mask)


@pytest.mark.parametrize("frame", [-1, 4])
def test_frame_that_is_not_there(session: VideoSession, frame: int) -> None:
    with pytest.raises(InputError, match=rf"no frame {frame}; frames are 0\.\.3"):
        session.add_points(frame, 1, [[5, 5]], [1])


def test_unknown_object(session: VideoSession) -> None:
    session.add_points(0, 7, [[5, 5]], [1])
    with pytest.raises(InputError, match="no object 3; objects are: 7"):
        session.remove_object(3)
    with pytest.raises(InputError, match="no object 3"):
        session.clear_prompts(0, 3)


def test_propagating_before_any_prompt(session: VideoSession) -> None:
    with pytest.raises(InputError, match=r"There are no objects.*add_points"):
        next(session.propagate())


def test_a_refused_prompt_leaves_no_object(session: VideoSession) -> None:
    with pytest.raises(InputError):
        session.add_points(0, 1, [[-5, 5]], [1])
    assert session.object_ids == ()


def test_kinds_of_prompt_that_exclude_each_other(session: VideoSession) -> None:
    with pytest.raises(InputError, match="clear_old=True"):
        session.add_points(0, 1, box=[0, 0, 5, 5], clear_old=False)
    with pytest.raises(InputError, match="There is no prompt"):
        session.add_points(0, 1)
    with pytest.raises(InputError, match="One call prompts one object"):
        session.add_points(0, 1, [[[5, 5]], [[9, 9]]], [[1], [1]])


def test_video_without_frames(model: SAM2) -> None:
    with pytest.raises(InputError, match="no frames"):
        VideoPredictor(model).start([])


def test_frames_of_different_size(model: SAM2) -> None:
    frames = [*clip(2), np.zeros((9, 9, 3), np.uint8)]
    session = VideoPredictor(model).start(frames)
    session.add_points(0, 1, [[5, 5]], [1])
    with pytest.raises(InputError, match=r"Frame 2 has another size than frame 0"):
        list(session.propagate())


def test_image_size_of_a_config() -> None:
    with pytest.raises(ValueError, match="multiple of 32, got 100"):
        SAM2Config("odd", image_size=100)


def test_generator_settings() -> None:
    with pytest.raises(InputError, match="at least 1"):
        MaskGeneratorSettings(points_per_side=0)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((48, 60), np.uint8),
        np.zeros((48, 60, 1), np.float32),
        np.linspace(0, 1, 48 * 60 * 3).reshape(48, 60, 3),
        np.full((1, 1), 7, np.uint8),
        np.full((500, 3), 7, np.uint8),
    ],
    ids=["grey", "one channel", "float rgb", "one pixel", "sliver"],
)
def test_images_of_every_kind_work(images: ImagePredictor, image: Any) -> None:
    found = images.predict(images.encode_image(image), [[0.5, 0.5]], [1])
    assert found.masks.shape == (1, 3, *image.shape[:2])
    assert torch.isfinite(found.logits).all()


def test_generator_reports_progress_and_survives_empty_crops(model: SAM2) -> None:
    settings = MaskGeneratorSettings(
        points_per_side=4, points_per_batch=5, crop_n_layers=1, pred_iou_thresh=2.0
    )
    calls: list[tuple[int, int]] = []
    found = AutomaticMaskGenerator(model, settings).generate(
        clip(1)[0], lambda done, total: calls.append((done, total))
    )
    assert found == []
    assert calls[-1] == (80, 80)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_generator_can_be_stopped(model: SAM2) -> None:
    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        AutomaticMaskGenerator(model).generate(clip(1)[0], stop)


def test_found_masks_are_what_their_boxes_say(model: SAM2) -> None:
    settings = MaskGeneratorSettings(
        points_per_side=4, pred_iou_thresh=0.0, stability_score_thresh=0.0
    )
    image = clip(1)[0]
    found = AutomaticMaskGenerator(model, settings).generate(image)
    assert found
    for one in found:
        full = one.mask(image.shape[:2])
        assert full.sum() == one.area
        if one.area:
            rows, columns = np.flatnonzero(full.any(1)), np.flatnonzero(full.any(0))
            x, y, width, height = one.bbox
            assert (columns[0], rows[0]) == (x, y)
            assert (columns[-1] - x, rows[-1] - y) == (width, height)
