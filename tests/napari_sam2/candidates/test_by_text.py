"""By text: the boxes of a detector become masks of objects; phrases are read and checked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.candidates.by_text import TextSearch
from napari_sam2.candidates.candidate import CandidateLimits, CandidateSource
from napari_sam2.candidates.target import EVERYTHING, SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity, choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.text_detector import Detection
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from tests.helpers.fakes import FakePredictor

LIMITS = CandidateLimits()


class FakeDetector:
    """Answers each phrase with given boxes above the smallest score."""

    def __init__(self, **boxes: list[Detection]) -> None:
        self.boxes = boxes
        self.images: list[np.ndarray] = []

    def detect(self, image, phrase, min_score):
        self.images.append(image)
        return tuple(box for box in self.boxes.get(phrase, []) if box.score >= min_score)


def search(detector: FakeDetector, *phrases: str, limits: CandidateLimits = LIMITS):
    image = np.full((96, 128), 20, np.uint16)
    image[20:40, 30:60] = image[60:80, 90:110] = 200
    predictor, stack = FakePredictor(), open_stack(image, axes="YX")
    encoder = ViewEncoder(stack, Intensity(((0.0, 255.0),)), predictor, FeatureCache(0))
    info = predictor.info
    placement = ViewPlacement(
        stack.shape, encoder.levels, info.image_size, info.token_stride, ViewPolicy()
    )
    return TextSearch(encoder, placement, detector, phrases, limits)


def test_each_box_becomes_the_mask_of_an_object() -> None:
    detector = FakeDetector(
        car=[Detection((18, 28, 42, 62), 0.8)], tree=[Detection((58, 88, 82, 112), 0.6)]
    )
    steps: list[tuple[int, int]] = []
    found = search(detector, "car", "tree").find((), lambda *step: steps.append(step))
    assert [one.crop.area for one in found] == [600, 400]
    assert [one.source for one in found] == [CandidateSource.TEXT] * 2
    assert found[0].score == pytest.approx((0.8 * 0.9) ** 0.5)
    assert steps == [(1, 2), (2, 2)]
    assert detector.images[0].shape == (96, 128, 3)
    assert detector.images[0].dtype == np.uint8


def test_poor_empty_and_repeated_boxes_are_no_objects() -> None:
    box = (18, 28, 42, 62)
    detector = FakeDetector(
        car=[Detection(box, 0.8), Detection(box, 0.7), Detection((58, 88, 82, 112), 0.1)],
        tree=[Detection((200, 200, 300, 300), 0.9), Detection((30, 30, 30, 40), 0.9)],
    )
    assert len(search(detector, "car", "tree").find(())) == 1
    assert search(detector, "house").find(()) == []
    low = CandidateLimits(min_score=0.2, max_objects=1)
    assert len(search(detector, "car", limits=low).find(())) == 1


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("text:red car", ("red car",)),
        ('text:"red car"; "tree"', ("red car", "tree")),
    ],
)
def test_phrases_are_read(text: str, phrases: tuple[str, ...]) -> None:
    target = SearchTarget.parse(text)
    assert (target.source, target.phrases) == (CandidateSource.TEXT, phrases)
    assert SearchTarget.parse(str(target)) == target


@pytest.mark.parametrize("text", ["text:", 'text:""', "text:car;", "text", "all", ""])
def test_a_target_without_words_or_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"phrase is empty|does not know"):
        SearchTarget.parse(text)
    assert SearchTarget.parse("everything") == EVERYTHING


def test_a_large_plane_is_searched_in_tiles_and_boxes_cut_by_a_tile_are_dropped() -> None:
    image = np.full((600, 3000), 20, np.uint8)
    image[100:140, 900:960] = 200

    class Seeing(FakeDetector):
        """Finds the bright rectangle on images that are not reduced too much."""

        def detect(self, image, phrase, min_score):
            self.images.append(image)
            ys, xs = np.nonzero(image[..., 0] > 100)
            if image.shape[1] > 2000 or not ys.size:
                return ()
            box = (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1)
            return (Detection(tuple(map(float, box)), 0.9),)

    stack, detector = open_stack(image, axes="YX"), Seeing()
    encoder = ViewEncoder(stack, Intensity(((0.0, 255.0),)), FakePredictor(), FeatureCache(0))
    placement = ViewPlacement(stack.shape, encoder.levels, 256, 16, ViewPolicy())
    steps: list[tuple[int, int]] = []
    text = TextSearch(encoder, placement, detector, ("car",), LIMITS)
    [found] = text.find((), lambda *step: steps.append(step))
    assert found.crop.area == 40 * 60
    assert steps[-1] == (len(detector.images), len(detector.images))
    assert len(detector.images) > 3


@pytest.mark.parametrize("box", [(np.nan, 8, 32, 32), (8, 8, np.inf, 32)])
def test_boxes_that_are_not_numbers_are_an_error(box) -> None:
    class Broken(FakeDetector):
        def detect(self, image, phrase, min_score):
            return (Detection(box, 0.9),)

    with pytest.raises(UserError, match="not numbers"):
        search(Broken(), "car").find(())


@pytest.mark.parametrize("box", [(-50, -50, 42, 62), (18, 28, 500, 500), (-9e9, -9e9, 9e9, 9e9)])
def test_boxes_are_cut_at_the_edges_of_the_image(box) -> None:
    detector = FakeDetector(car=[Detection(box, 0.8)])
    [found] = search(detector, "car").find(())
    assert found.crop.area >= 600
    window = found.crop.window
    assert window.clip((96, 128)) == window


@given(
    st.lists(
        st.tuples(*[st.integers(-200, 300)] * 4, st.floats(0, 1)),
        max_size=12,
    )
)
@settings(max_examples=15, deadline=None)
def test_candidates_of_any_boxes_are_disjoint_and_sorted(boxes) -> None:
    detector = FakeDetector(car=[Detection(tuple(box[:4]), box[4]) for box in boxes])
    taken = np.zeros((96, 128), int)
    scores = []
    for one in search(detector, "car").find(()):
        taken[one.crop.window.slices] += one.crop.logits > 0
        scores.append(one.score)
    assert taken.max() <= 1
    assert scores == sorted(scores, reverse=True)
    assert all(LIMITS.min_score <= score <= 1 for score in scores)


@pytest.mark.parametrize("text", ["text:car. tree.", "text:car?tree", 'text:"a.b";car'])
def test_a_phrase_that_a_detector_reads_as_several_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="Separate phrases by ;"):
        SearchTarget.parse(text)


@pytest.mark.parametrize("text", ["text:.", "text:car;.", "text: . ", 'text:"?"'])
def test_a_phrase_of_dots_is_empty(text: str) -> None:
    with pytest.raises(UserError, match="phrase is empty"):
        SearchTarget.parse(text)


def test_the_detector_is_shown_what_the_model_is_shown() -> None:
    shown: list[np.ndarray] = []

    class Recording(FakePredictor):
        def encode(self, image):
            shown.append(image)
            return super().encode(image)

    image = np.random.default_rng(0).normal(3000, 400, (96, 128)).astype(np.int16)
    stack, predictor = open_stack(image, axes="YX"), Recording()
    encoder = ViewEncoder(stack, choose_intensity(stack), predictor, FeatureCache(0))
    placement = ViewPlacement(stack.shape, encoder.levels, 256, 16, ViewPolicy())
    detector = FakeDetector(car=[Detection((18, 28, 42, 62), 0.8)])
    TextSearch(encoder, placement, detector, ("car",), LIMITS).find(())
    np.testing.assert_array_equal(detector.images[0], shown[0])
    assert np.ptp(shown[0]) > 200
