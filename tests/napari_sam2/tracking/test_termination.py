from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.images.view import ViewPolicy
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.termination import (
    ObjectContrast,
    PresenceHistory,
    TerminationRule,
    contrast_of,
)
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, movie, session_of, straight

FULL = SessionSettings(view=ViewPolicy.parse("full"))
RULE = TerminationRule()


class Stubborn(FakePredictor):
    """Says on every frame that the object is where it was prompted."""

    def add_prompts(self, encoding, frame, prompts, states):
        steps = super().add_prompts(encoding, frame, prompts, states)
        self.logits = steps[0].logits
        return steps

    def track(self, encoding, frame, states, *, reverse, zoomed=False):
        steps = super().track(encoding, frame, states, reverse=reverse, zoomed=zoomed)
        return [replace(step, logits=self.logits, object_score=5.0) for step in steps]


def disc(value: int, ground: int, shape: tuple[int, int] = (40, 50)) -> tuple:
    y, x = np.ogrid[: shape[0], : shape[1]]
    mask = (y - 20) ** 2 + (x - 25) ** 2 <= 64
    image = np.where(mask, value, ground).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2), mask


@given(st.integers(0, 255), st.integers(0, 255))
def test_contrast_is_the_difference_of_grey_values(value, ground):
    found = contrast_of(*disc(value, ground))
    assert (found.inside, found.around, found.step) == (value, ground, value - ground)
    assert found.clear == (abs(value - ground) >= 4)


def test_a_bright_neighbor_hardly_counts_and_noise_does():
    image, mask = disc(120, 20)
    image[:, 33:36] = 255
    assert contrast_of(image, mask).around == 20
    image, mask = disc(60, 20)
    noise = np.random.default_rng(0).normal(0, 30, mask.shape)
    noisy = np.clip(image + noise[..., None], 0, 255).astype(np.uint8)
    assert not contrast_of(noisy, mask).clear


def test_without_an_object_or_anything_around_it_there_is_no_contrast():
    image, mask = disc(100, 10)
    assert contrast_of(image, np.zeros_like(mask)) is None
    assert contrast_of(image, np.ones_like(mask)) is None


@pytest.mark.parametrize(
    ("now", "faded"),
    [
        (ObjectContrast(150, 20, 2), False),
        (ObjectContrast(60, 20, 2), False),
        (ObjectContrast(28, 20, 2), True),
        (ObjectContrast(15, 20, 2), True),
        # As bright as ever, beside a neighbor as bright as itself, or brighter.
        (ObjectContrast(150, 150, 2), False),
        (ObjectContrast(150, 200, 2), False),
        # The whole slice is brighter, and the object with it.
        (ObjectContrast(60, 55, 2), False),
    ],
)
def test_faded_is_what_looks_like_its_surroundings_then_and_now(now, faded):
    seen = PresenceHistory().advance(100, 5.0, RULE, ObjectContrast(150, 20, 2))
    assert seen.doubtful(now, RULE) == faded


def test_dark_objects_fade_too_and_what_never_stood_out_does_not():
    dark = PresenceHistory().advance(100, 5.0, RULE, ObjectContrast(30, 180, 3))
    assert dark.doubtful(ObjectContrast(172, 180, 3), RULE)
    assert not dark.doubtful(ObjectContrast(100, 180, 3), RULE)
    texture = PresenceHistory().advance(100, 5.0, RULE, ObjectContrast(110, 100, 30))
    assert not texture.doubtful(ObjectContrast(100, 100, 30), RULE)


def test_the_clearest_contrast_is_kept():
    presence = PresenceHistory()
    for step in (50, 90, 70):
        presence = presence.advance(100, 5.0, RULE, ObjectContrast(20 + step, 20, 1))
    assert presence.clearest == ObjectContrast(110, 20, 1)
    assert presence.advance(0, -5.0, RULE).clearest == ObjectContrast(110, 20, 1)


def followed(shares: list[float]) -> PresenceHistory:
    """Return the presence of an object whose contrast was so many times that of the first frame."""
    presence = PresenceHistory()
    for share in shares:
        presence = presence.advance(100, 5.0, RULE, ObjectContrast(20 + 100 * share, 20, 2))
    return presence


@pytest.mark.parametrize(
    ("before", "now", "another"),
    [
        ([1, 0.8, 0.6, 0.5, 0.7, 1], 1.6, True),
        ([1, 0.8, 0.6, 0.5, 0.7, 1.1], 1.6, True),
        # It comes back no brighter than it was.
        ([1, 0.8, 0.6, 0.5], 1, False),
        # Clicked at its dim end.
        ([1], 1.6, False),
        ([1, 1.6, 2.5, 2.4], 3.5, False),
    ],
)
def test_what_faded_and_then_outshines_the_object_is_another(before, now, another):
    shining = ObjectContrast(20 + 100 * now, 20, 2)
    assert followed(before).doubtful(shining, RULE) == another


def test_beside_a_darker_neighbor_an_object_does_not_outshine_itself():
    seen = followed([1, 0.5])
    assert not seen.doubtful(ObjectContrast(120, -60, 2), RULE)
    assert not seen.doubtful(ObjectContrast(220, 120, 2), RULE)


def fading(frames: int = 16, last: int = 7) -> tuple:
    """Return a disc whose haze, 4 % of its light, stays after its last frame; and its path."""
    path = straight((40, 40), (0, 0), frames)
    data = movie((96, 96), [path], radius=10)
    haze = movie((96, 96), [path], radius=10, value=27)
    data[last + 1 :] = haze[last + 1 :]
    return data, path


def test_in_depth_haze_is_no_object_whatever_the_model_says():
    data, path = fading()
    session = session_of(data, [click(1, 0, path)], along="z", predictor=Stubborn(), settings=FULL)
    areas = [result.area for result in session.propagate()]
    assert all(areas[:8])
    assert not any(areas[8:])
    assert session.predictor.calls["track"] == 10


def test_in_depth_a_brighter_object_behind_the_faded_one_is_another():
    path = straight((40, 40), (0, 0), 14)
    shades = [130] * 5 + [90, 60, 50] + [250] * 6
    slices = [movie((96, 96), [path], radius=10, value=value) for value in shades]
    data = np.stack([stack[z] for z, stack in enumerate(slices)])
    session = session_of(data, [click(1, 0, path)], along="z", predictor=Stubborn(), settings=FULL)
    areas = [result.area for result in session.propagate()]
    assert all(areas[:8])
    assert not any(areas[8:])


def test_in_time_and_without_a_rule_the_model_is_believed():
    data, path = fading()
    no_rule = replace(FULL, stop_rule=None)
    for along, settings in (("t", FULL), ("z", no_rule)):
        session = session_of(
            data, [click(1, 0, path)], along=along, predictor=Stubborn(), settings=settings
        )
        assert all(result.area for result in session.propagate())


@pytest.mark.parametrize(("least_area", "tracked"), [(0.02, 11), (0.5, 7)])
def test_the_area_at_which_an_object_has_ended_can_be_set(least_area, tracked):
    path = straight((40, 40), (0, 0), 12)
    data = movie((96, 96), [path], radius=10)
    data[5:] = movie((96, 96), [path], radius=5)[5:]
    rule = TerminationRule(least_area=least_area)
    session = session_of(
        data, [click(1, 0, path)], along="z", settings=replace(FULL, stop_rule=rule)
    )
    assert len(list(session.propagate())) == 12
    assert session.predictor.calls["track"] == tracked
