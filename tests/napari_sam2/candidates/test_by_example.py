"""Candidates by example: what looks like a marked mask is found, and marks change the ranking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.candidates.appearance import describe
from napari_sam2.candidates.by_example import ExampleSearch, similarity
from napari_sam2.candidates.everything import EverythingSearch
from napari_sam2.candidates.examples import Example, Examples
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt, PointPrompt
from tests.helpers.fakes import FakePredictor

SHAPE = (96, 128)
SQUARES = [(8, 8), (8, 40), (8, 72), (8, 104)]
BARS = [(50, 10), (50, 60), (75, 10), (75, 60)]


def crop(y: int, x: int, bar: bool) -> MaskCrop:
    return MaskCrop.from_mask(np.ones((8, 40) if bar else (16, 16), bool), (y, x))


def search(examples: Examples) -> ExampleSearch:
    image = np.full(SHAPE, 20, np.uint8)
    for y, x in SQUARES:
        image[y : y + 16, x : x + 16] = 120
    for y, x in BARS:
        image[y : y + 8, x : x + 40] = 220
    stack = open_stack(image, axes="YX")
    encoder = ViewEncoder(stack, Intensity(((0.0, 255.0),)), FakePredictor(), FeatureCache(0))
    placement = ViewPlacement(SHAPE, encoder.levels, 256, 16, ViewPolicy())
    return ExampleSearch(EverythingSearch(encoder, placement), examples)


def kinds(found) -> list[str]:
    return ["bar" if one.crop.box.shape[1] > 20 else "square" for one in found]


@pytest.mark.parametrize("bar", [True, False])
def test_what_looks_like_an_example_comes_first(bar: bool) -> None:
    like = Example((), crop(*(BARS if bar else SQUARES)[0], bar))
    first = kinds(search(Examples((like,))).find(()))[:4]
    assert first == ["bar" if bar else "square"] * 4


def test_counter_examples_lower_what_looks_like_them() -> None:
    like, unlike = Example((), crop(*SQUARES[0], False)), Example((), crop(*BARS[0], True))
    without = search(Examples((like,))).find(())
    found = search(Examples((like,), (unlike,))).find(())
    assert kinds(found)[:4] == ["square"] * 4

    def best_bar(candidates) -> float:
        scores = zip(kinds(candidates), candidates, strict=True)
        return max((one.score for kind, one in scores if kind == "bar"), default=0)

    assert best_bar(found) < best_bar(without) - 0.05


def test_a_plane_with_nothing_to_compare_has_no_candidates() -> None:
    everything = search(Examples((Example((), crop(0, 0, False)),))).everything
    blank = open_stack(np.zeros(SHAPE, np.uint8), axes="YX")
    encoder = ViewEncoder(blank, Intensity(((0.0, 1.0),)), FakePredictor(), FeatureCache(0))
    empty = ExampleSearch(
        EverythingSearch(encoder, everything.placement),
        Examples((Example((), crop(0, 0, False)),)),
    )
    assert empty.find(()) == []


def test_masks_of_equal_look_have_equal_appearance() -> None:
    everything = search(Examples(())).everything
    table = describe(
        everything.encoder,
        everything.placement,
        (),
        [crop(8, 40, False), crop(8, 72, False), crop(50, 10, True)],
    )
    plain = table[:, -4:]
    np.testing.assert_allclose(plain[0], plain[1], atol=1)
    assert plain[2, 0] > plain[0, 0] + 50
    assert plain[:, 3] == pytest.approx(1)


marks = st.integers(1, 8)


@given(marks, st.integers(0, 8), st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_similarity_is_bounded_and_higher_on_average_for_the_right_kind(
    n_like, n_unlike, seed
) -> None:
    random = np.random.default_rng(seed)
    centers = np.repeat(((0.0,), (20.0,)), 20, axis=0)
    features = centers + random.normal(0, 0.5, (40, 9))
    scores = similarity(features, features[:n_like], features[40 - n_unlike : 40])
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[:20].mean() > scores[20:].mean()


def test_similarity_of_equal_or_no_candidates_is_defined() -> None:
    same = np.ones((3, 9))
    assert np.isfinite(similarity(same, same[:1], same[:0])).all()
    assert similarity(same[:0], same[:1], same[:0]).shape == (0,)


def test_examples_are_masks_of_known_objects() -> None:
    store = PromptStore(
        [MaskPrompt(3, 1, np.ones((4, 5), bool), (2, 7)), PointPrompt(5, 0, (1, 1))]
    )
    found = Examples.of(SearchTarget.parse("like:3"), store, lambda frame: (frame,))
    assert [(one.index, one.crop.area) for one in found.like] == [((1,), 20)]
    for text, words in (("like:4", "no object 4"), ("like:3;not:5", "needs a mask")):
        with pytest.raises(UserError, match=words):
            Examples.of(SearchTarget.parse(text), store, lambda frame: (frame,))


@pytest.mark.parametrize(
    ("text", "words"),
    [("like:", "no example"), ("like:a", "not ids"), ("like:1,2;not:2", "Choose one")],
)
def test_wrong_examples_have_a_message(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        SearchTarget.parse(text)
    target = SearchTarget.parse("like:7,3;not:4")
    assert SearchTarget.parse(str(target)) == target
