"""Points outside trim a tracked mask, painted masks are kept, prompts are cut at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.images.view import ViewPolicy
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt
from napari_sam2.session.settings import SessionSettings
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, movie, session_of, straight

FULL = SessionSettings(view=ViewPolicy.parse("full"))
PATH = straight((20, 14), (0, 1), 12)
DATA = movie((40, 48), [PATH])


def tracked_session(along="t", **options):
    session = session_of(DATA, [click(1, 0, PATH)], settings=FULL, along=along, **options)
    list(session.propagate())
    return session


def mask_of(session, object_id, frame):
    """Return an object's mask as a plane."""
    result = session.result(object_id, frame)
    plane = np.zeros(session.stack.shape, bool)
    plane[result.crop.window.slices] = result.crop.logits > 0
    return plane


def outside(frame, dy=0, dx=0):
    y, x = PATH[frame]
    return PointPrompt(1, frame, (float(y + dy), float(x + dx)), 0)


def test_a_point_outside_removes_pixels_and_adds_none():
    session = tracked_session()
    before = mask_of(session, 1, 5)
    session.prompts.add(outside(5, dx=6))
    session.preview(1, 5)
    trimmed = mask_of(session, 1, 5)
    assert 0 < trimmed.sum() < before.sum()
    assert not np.any(trimmed & ~before)
    list(session.propagate_correction(1))
    np.testing.assert_array_equal(mask_of(session, 1, 5), trimmed)
    assert all(session.result(1, frame).area for frame in range(12))


def test_a_point_outside_never_adds_pixels_whatever_the_model_answers(monkeypatch):
    session = tracked_session()
    before = mask_of(session, 1, 5)
    usual = FakePredictor.predict

    def everything(self, encoding, prompt):
        found = usual(self, encoding, prompt)
        found.logits[:] = 5.0
        return found

    monkeypatch.setattr(FakePredictor, "predict", everything)
    session.prompts.add(outside(5, dx=6))
    session.preview(1, 5)
    np.testing.assert_array_equal(mask_of(session, 1, 5), before)


@pytest.mark.parametrize("along", ["t", "z"])
@pytest.mark.parametrize("previewed", [True, False])
def test_a_frame_that_is_emptied_is_the_only_one(along, previewed):
    session = tracked_session(along)
    session.prompts.add(outside(5))
    if previewed:
        session.preview(1, 5)
    list(session.propagate())
    assert session.result(1, 5).area == 0
    assert all(session.result(1, frame).area for frame in range(12) if frame != 5)
    assert session.correction(1) is None
    session.prompts.add(click(1, 8, PATH))
    list(session.propagate_correction(1))
    assert session.result(1, 5).area == 0
    assert all(session.result(1, frame).area for frame in range(12) if frame != 5)


def test_an_emptied_frame_comes_back_with_its_prompt_removed():
    session = tracked_session()
    session.prompts.add(outside(5))
    session.preview(1, 5)
    session.prompts.clear(1, 5)
    session.delete_masks(1, [5])
    list(session.propagate_correction(1))
    assert session.result(1, 5).area


def test_a_point_outside_without_a_mask_is_refused():
    session = session_of(DATA, [outside(5)], settings=FULL)
    for attempt in (lambda: session.preview(1, 5), lambda: session.propagate()):
        with pytest.raises(UserError, match="only clicks outside on frame 5"):
            attempt()


class CoarsePredictor(FakePredictor):
    """Answers prompts with masks of blurred contours, as a network of low resolution does."""

    def add_prompts(self, *args, **kwargs):
        return [
            replace(found, logits=ndimage.uniform_filter(found.logits, 5))
            for found in super().add_prompts(*args, **kwargs)
        ]


painted = arrays.arrays(bool, (9, 11), elements=st.booleans()).filter(np.any)


@settings(max_examples=20, deadline=None)
@given(painted, st.sampled_from(["full", "auto", "zoom", "zoom:32"]), st.integers(0, 11))
def test_a_painted_mask_is_kept_to_the_pixel(mask, view, frame):
    y, x = PATH[frame].astype(int)
    prompt = MaskPrompt(1, frame, mask, (y - 4, x - 5))
    chosen = SessionSettings(view=ViewPolicy.parse(view))
    session = session_of(DATA, [click(1, 6, PATH)], settings=chosen, predictor=CoarsePredictor())
    session.prompts.set(1, frame, [prompt])
    expected = np.zeros(DATA.shape[1:], bool)
    expected[prompt.window.slices] = prompt.mask
    session.preview(1, frame)
    np.testing.assert_array_equal(mask_of(session, 1, frame), expected)
    list(session.propagate())
    np.testing.assert_array_equal(mask_of(session, 1, frame), expected)
    np.testing.assert_array_equal(session.labels.read((frame,)) == 1, expected)


def test_a_box_is_cut_at_the_edge():
    image = np.full((3, 40, 48), 20, np.uint8)
    image[:, :12, :15] = 180
    cut = session_of(image, [BoxPrompt(1, 0, (0, 0), (12, 15))], settings=FULL)
    beyond = session_of(image, [BoxPrompt(1, 0, (-14.6, -9.3), (12, 15))], settings=FULL)
    for session in (cut, beyond):
        list(session.propagate())
    for frame in range(3):
        np.testing.assert_array_equal(mask_of(beyond, 1, frame), mask_of(cut, 1, frame))


def test_a_mask_is_cut_at_the_edge():
    mask = MaskPrompt(1, 0, np.ones((10, 10), bool), (-5, 43))
    session = session_of(DATA, [mask], settings=FULL)
    session.preview(1, 0)
    assert session.result(1, 0).area == 25


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (PointPrompt(1, 0, (-3, 10)), "click of object 1 on frame 0 lies outside the image"),
        (PointPrompt(1, 0, (10, 48)), "click of object 1 on frame 0 lies outside the image"),
        (BoxPrompt(1, 0, (41, 5), (60, 20)), "box of object 1 on frame 0 lies outside"),
        (MaskPrompt(1, 0, np.ones((3, 3)), (50, 50)), "mask of object 1 on frame 0 lies outside"),
    ],
)
def test_prompts_outside_the_image_are_refused(prompt, words):
    session = session_of(DATA, [prompt], settings=FULL)
    for attempt in (lambda: session.preview(1, 0), lambda: session.propagate()):
        with pytest.raises(UserError, match=words):
            attempt()
    assert session.masks.objects() == ()
