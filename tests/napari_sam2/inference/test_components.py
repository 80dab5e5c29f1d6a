from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

import napari_sam2
from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.postprocess import ComponentFilter
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.plane_prompts import PlanePrompts
from napari_sam2.prompts.types import MaskPrompt, PointPrompt, Prompt
from napari_sam2.session.settings import SessionSettings
from tests.helpers.fakes import FakePredictor

PIECES = ComponentFilter(0.2)


def patch(*blocks: tuple[int, int, int], at: tuple[int, int] = (100, 200)) -> MaskCrop:
    """Square blocks (y, x, side) in a 40 x 60 patch."""
    mask = np.zeros((40, 60), bool)
    for y, x, side in blocks:
        mask[y : y + side, x : x + side] = True
    return MaskCrop.from_mask(mask, at, 5.0)


def test_a_speck_goes_and_the_patch_shrinks_to_the_rest() -> None:
    cleaned = PIECES.filter(patch((10, 10, 10), (30, 50, 3)))
    assert cleaned.box == Window(110, 210, 120, 220)
    assert cleaned.area == 100
    assert cleaned.window == Window(106, 206, 124, 224)


def test_a_large_second_piece_stays() -> None:
    two = patch((10, 10, 10), (30, 50, 5))
    assert PIECES.filter(two) is two


def test_pieces_under_points_stay_others_go() -> None:
    seen = patch((10, 10, 10), (30, 50, 3), (2, 50, 3))
    cleaned = PIECES.filter(seen, np.array([[131.0, 251.0], [0.0, 0.0], [500.0, 500.0]]))
    assert cleaned.area == 109


@pytest.mark.parametrize("least", [0.0, 0.2])
def test_nothing_is_left_nothing(least: float) -> None:
    empty = MaskCrop.empty()
    assert ComponentFilter(least).filter(empty) is empty
    dark = patch()
    assert ComponentFilter(least).filter(dark) is dark


def test_corrections_keep_what_they_ask_for() -> None:
    seen = patch((10, 10, 10), (30, 50, 3))
    assert PIECES.filter_prompted(PlanePrompts(previous=seen), seen) is seen
    assert PIECES.filter_prompted(PlanePrompts(), seen) is not seen


@given(hnp.arrays(bool, (12, 14)), st.floats(0.01, 1.0))
def test_only_small_pieces_go(mask: np.ndarray, least: float) -> None:
    seen = MaskCrop.from_mask(mask, (3, 4), 2.0)
    cleaned = ComponentFilter(least).filter(seen)
    assert ComponentFilter(least).keeps_all(cleaned)
    canvas = np.zeros(mask.shape, bool)
    canvas[cleaned.window.shift(-3, -4).slices] = cleaned.logits > 0
    assert not (canvas & ~mask).any()
    if mask.any():
        assert canvas.any()


class Specked(FakePredictor):
    """Sees a speck in the corner of every answer."""

    def track(self, *args, **options):
        return [self._specked(step) for step in super().track(*args, **options)]

    def predict(self, *args):
        found = super().predict(*args)
        return replace(found, logits=np.stack([speck(plane) for plane in found.logits]))

    @staticmethod
    def _specked(step):
        return replace(step, logits=speck(step.logits))


def speck(plane: np.ndarray) -> np.ndarray:
    plane = plane.copy()
    plane[2:4, 2:4] = 9.0
    return plane


def discs(frames: int = 5) -> np.ndarray:
    y, x = np.mgrid[:96, :96]
    disc = np.hypot(y - 48, x - 48) < 9
    return np.repeat((disc * 200 + 20).astype(np.uint8)[None], frames, axis=0)


def areas(prompt: Prompt, view: str) -> list[int]:
    session = napari_sam2.open_session(
        discs(),
        [prompt],
        axes="TYX",
        along="t",
        model=Specked(64),
        intensity=Intensity(((0.0, 255.0),)),
        settings=SessionSettings(view=ViewPolicy.parse(view)),
    )
    return [count_of_pieces(result.crop.logits > 0) for result in session.propagate()]


def count_of_pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, np.ones((3, 3)))[1])


def click() -> Prompt:
    return PointPrompt(1, 0, (48.0, 48.0))


def in_two_pieces() -> Prompt:
    mask = discs(1)[0] > 100
    mask[80:83, 80:83] = True
    return MaskPrompt(1, 0, mask)


@pytest.mark.parametrize(
    ("prompt", "view", "later"),
    [(click, "auto", 1), (click, "full", 2), (in_two_pieces, "auto", 2)],
)
def test_tracks_of_what_was_shown_in_one_piece_have_one(
    prompt: Callable[[], Prompt], view: str, later: int
) -> None:
    assert areas(prompt(), view)[1:] == [later] * 4
