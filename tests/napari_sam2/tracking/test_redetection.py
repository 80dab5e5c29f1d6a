"""Second looks: what they cost, and that a crowd of lost objects does not make a frame dear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.feature_cache import FeatureCache
from napari_sam2.inference.protocol import ViewPrompts
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.types import MaskPrompt
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking import redetection as budget
from napari_sam2.tracking.memory_transfer import MemoryTransfer
from napari_sam2.tracking.redetection import EncodingBudget
from napari_sam2.tracking.track import ConditioningResult, FrameMask, Track
from napari_sam2.tracking.track_start import prompted_result
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, session_of, straight

SHAPE = (900, 900)


@given(st.integers(0, 400), st.lists(st.integers(1, 7), max_size=80))
def test_an_allowance_is_never_overspent(objects, looks):
    budget = EncodingBudget(objects)
    most = budget.left
    taken = [look for look in looks if budget.spend(look)]
    assert sum(taken) <= most == max(5, 20 - objects, objects // 8)
    assert budget.left == most - sum(taken)


def test_what_is_not_affordable_costs_nothing_and_smaller_looks_still_are():
    budget = EncodingBudget(40)
    assert budget.spend(3)
    assert not budget.spend(3)
    assert budget.spend(2)
    assert not budget.spend(1)


@pytest.fixture(scope="module")
def memory_transfer():
    data = movie(SHAPE, [straight((400, 400), (0, 3), 6)], radius=12)
    encoder = ViewEncoder(
        open_stack(data, axes="TYX"), Intensity(((0.0, 255.0),)), FakePredictor(), FeatureCache(0)
    )
    return MemoryTransfer(encoder, ViewPlacement(SHAPE, (1,), 256, 16, ViewPolicy.parse("zoom")))


def track_at(memory_transfer, last):
    encoder, view = (
        memory_transfer.encoder,
        memory_transfer.placement.place(Window(388, 388, 413, 413), 256),
    )
    point = np.array([[400.0, 400.0]]) - view.window.offset
    encoding = encoder.encode((0,), view)
    step = encoder.predictor.add_prompts(encoding, 0, [ViewPrompts(point, np.array([1]))], [None])[
        0
    ]
    patch = encoder.mask_to_plane(view, step.logits)
    answer = ConditioningResult(prompted_result(1, 0, (0,), view, patch, step), view)
    first = Track.start(1, 0, step.state, (answer,))
    seen = FrameMask(last, MaskCrop(patch.window.shift(0, 3 * last), patch.logits))
    return first if last == 0 else replace(first, last=seen)


@given(
    st.integers(0, 5),
    st.integers(0, 800),
    st.integers(0, 800),
    st.sampled_from([128, 192, 256, 384, None]),
)
@settings(max_examples=60, deadline=None)
def test_what_a_hand_over_costs_is_known_before(memory_transfer, last, y, x, side):
    track = track_at(memory_transfer, last)
    placement = memory_transfer.placement
    view = placement.full if side is None else placement.place(Window(y, x, y + 20, x + 20), side)
    expected = memory_transfer.cost(track, view)
    before = memory_transfer.encoder.cache.encodings
    memory_transfer.to_view(track, view)
    assert memory_transfer.encoder.cache.encodings - before == expected


def lost_crowd():
    """Thirty-two nuclei far from each other; all are gone from the third frame on."""
    places = [(120 + 240 * (n // 8), 120 + 240 * (n % 8)) for n in range(32)]
    paths = [straight(place, (1, 1), 5) for place in places]
    for path in paths:
        path[3:] = np.nan
    data = movie((1000, 2000), paths, radius=10)
    prompts = [MaskPrompt.of(n, 0, _disc(p[0])) for n, p in enumerate(paths, 1)]
    return data, prompts


def _disc(centre):
    yy, xx = np.ogrid[:1000, :2000]
    return (yy - centre[0]) ** 2 + (xx - centre[1]) ** 2 <= 10**2


def encodings_by_frame(data, prompts):
    session = session_of(data, prompts, settings=SessionSettings(view=ViewPolicy.parse("zoom")))
    spent = {result.frame: session.encodings for result in session.propagate()}
    return np.diff([0, *spent.values()])


def test_many_objects_lost_at_once_take_no_more_than_the_allowance(monkeypatch):
    data, prompts = lost_crowd()
    spent = encodings_by_frame(data, prompts)
    assert spent[3:].max() <= spent[2] + 5
    assert spent[3] > spent[2]
    monkeypatch.setattr(budget, "_MIN_ENCODINGS", 1000)
    assert encodings_by_frame(data, prompts)[3] > spent[2] + 5
