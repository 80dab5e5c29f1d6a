from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.protocol import MemoryPolicy, ViewPrompts
from napari_sam2.inference.sam2 import decoded_masks
from napari_sam2.inference.sam2_predictor import SAM2Predictor
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.types import BoxPrompt, PointPrompt
from napari_sam2.session.settings import SessionSettings
from sam2_model.modeling.config import MICRO
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import TrackerSettings
from sam2_model.video_predictor import VideoPredictor
from tests.helpers.fakes import MemoryJournal
from tests.helpers.scenes import movie, session_of, straight

FRAMES = 17


@pytest.fixture(scope="module")
def model() -> SAM2:
    torch.manual_seed(3)
    network = SAM2(MICRO.resized(64)).eval()
    with torch.no_grad():
        network.sam_mask_decoder.pred_obj_score_head.layers[-1].bias += 20
    return network


@pytest.fixture(scope="module")
def predictor(model: SAM2) -> SAM2Predictor:
    return SAM2Predictor(model, "random", "seed-3", trained=False)


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    return movie((48, 80), [straight((20, 20), (0.5, 2), FRAMES)])


def points(*yx: tuple[float, float]) -> ViewPrompts:
    return ViewPrompts(np.array(yx, float), np.ones(len(yx), int))


def test_full_view_is_bit_identical_to_the_plain_predictor(model, predictor, data):
    frames = [np.repeat(plane[..., None], 3, axis=2) for plane in data]
    plain = VideoPredictor(model).start(frames)
    plain.add_points(0, 1, points=[[20.5, 20.5]], labels=[1])
    plain.add_points(9, 1, box=[10, 12, 40, 30])
    expected = {masks.frame: masks.logits[0, 0].numpy() for masks in plain.propagate()}
    prompts = [PointPrompt(1, 0, (20.0, 20.0)), BoxPrompt(1, 9, (12.0, 10.0), (30.0, 40.0))]
    settings = SessionSettings(view=ViewPolicy.parse("full"), memory=MemoryPolicy.PLAIN)
    session = session_of(data, prompts, predictor=predictor, settings=settings)
    seen = set()
    for result in session.propagate():
        if result.origin.value in ("prompt", "forward"):
            crop = expected[result.frame][result.crop.window.slices]
            np.testing.assert_array_equal(result.crop.logits, crop)
            assert np.count_nonzero(expected[result.frame] > 0) == result.area
            seen.add(result.frame)
    assert seen == set(range(FRAMES))


def test_preview_of_a_lone_click_is_what_propagation_starts_from(predictor, data):
    settings = SessionSettings(view=ViewPolicy.parse("full"))
    session = session_of(
        data, [PointPrompt(1, 0, (20.0, 20.0))], predictor=predictor, settings=settings
    )
    preview = session.preview(1, 0)
    assert len(preview.candidates) == 3
    ious = [candidate.predicted_iou for candidate in preview.candidates]
    assert ious == sorted(ious, reverse=True)
    first = next(session.propagate())
    np.testing.assert_array_equal(first.crop.logits, preview.result.crop.logits)


def test_dumped_state_continues_bit_identically(predictor, data):
    encoded = [predictor.encode(np.repeat(p[..., None], 3, axis=2)) for p in data[:3]]
    state = predictor.add_prompts(encoded[0], 0, [points((20, 20))], [None])[0].state
    state = next(predictor.track(encoded[1], 1, [state], reverse=False)).state
    again = predictor.deserialize_state(predictor.serialize_state(state))
    assert again.nbytes == state.nbytes
    one, other = (next(predictor.track(encoded[2], 2, [s], reverse=False)) for s in (state, again))
    np.testing.assert_array_equal(one.logits, other.logits)
    assert one.object_score == other.object_score


def test_memory_policies_share_the_network(predictor):
    assert predictor.with_memory(MemoryPolicy.PLAIN) is predictor
    others = [predictor.with_memory(policy) for policy in list(MemoryPolicy)[1:]]
    assert {other.model for other in others} == {predictor.model}
    assert {other.info for other in others} == {predictor.info}
    rules = {type(p.tracker.settings.memory) for p in (predictor, *others)}
    assert len(rules) == len(MemoryPolicy)


@pytest.mark.parametrize("policy", list(MemoryPolicy))
def test_a_stopped_run_in_moving_views_resumes_with_every_memory_policy(predictor, policy):
    data = movie((64, 160), [straight((30, 20), (0.5, 8), 12)])
    settings = SessionSettings(ViewPolicy.parse("zoom:64"), memory=policy, checkpoint_every=3)
    prompts = [BoxPrompt(1, 6, (26.0, 62.0), (40.0, 76.0))]

    def run(stop: int | None, **stored):
        session = session_of(data, prompts, predictor=predictor, settings=settings, **stored)
        found = {}
        for result in session.propagate(resume=stop is None):
            found[result.frame] = result
            if len(found) == stop:
                session.cancel()
        return found

    whole = run(None)
    assert sorted(whole) == list(range(12))
    assert len({result.view for result in whole.values()}) > 1
    stored = {"journal": MemoryJournal(), "masks": MemoryMaskStore(), "drafts": MemoryMaskStore()}
    parts = run(4, **stored) | run(None, **stored)
    for frame, result in whole.items():
        np.testing.assert_array_equal(parts[frame].crop.logits, result.crop.logits)
        assert parts[frame].object_score == result.object_score


def test_shift_moves_memories_the_way_the_picture_moves(predictor):
    """A window moved by (dy, dx) sees old content dy rows higher, dx columns further left."""
    image = np.zeros((64, 64, 3), np.uint8)
    state = predictor.add_prompts(predictor.encode(image), 0, [points((20, 20))], [None])[0].state
    spatial = state.conditioning[0].spatial
    moved = predictor.shift_memory(state, (1, -2)).conditioning[0].spatial
    torch.testing.assert_close(moved[:, :-1, 2:], spatial[:, 1:, :-2])
    torch.testing.assert_close(moved[:, -1], moved[:, -2])
    torch.testing.assert_close(moved[:, :, 0], moved[:, :, 2])


def test_memory_does_not_grow_with_the_number_of_frames(predictor, data):
    encoded = predictor.encode(np.repeat(data[0][..., None], 3, axis=2))
    state = predictor.add_prompts(encoded, 0, [points((20, 20))], [None])[0].state
    sizes = []
    for frame in range(1, 40):
        state = next(predictor.track(encoded, frame, [state], reverse=False)).state
        sizes.append(state.nbytes)
    assert sizes[-1] == sizes[18]


def test_remembered_mask_is_a_conditioning_frame_only_when_asked(predictor, data):
    encoded = predictor.encode(np.repeat(data[0][..., None], 3, axis=2))
    mask = np.where(data[0] > 100, 8.0, -8.0).astype(np.float32)
    state = predictor.add_masks(encoded, 4, [mask], [None], conditioning=True)[0]
    state = predictor.add_masks(encoded, 6, [mask], [state], conditioning=False)[0]
    assert set(state.conditioning) == {4}
    assert set(state.non_conditioning) == {6}
    step = next(predictor.track(encoded, 7, [state], reverse=False))
    assert step.logits.shape == data[0].shape


def test_foreign_encodings_and_states_are_refused(predictor, data):
    with pytest.raises(TypeError, match="object is not an encoding of SAM2Predictor"):
        predictor.predict(object(), points((1, 1)))
    with pytest.raises(TypeError, match="object is not a track state of SAM2Predictor"):
        predictor.serialize_state(object())


def test_the_networks_presence_threshold_applies_to_whole_frames_only(predictor, data):
    encoded = predictor.encode(np.repeat(data[0][..., None], 3, axis=2))
    (first,) = predictor.add_prompts(encoded, 0, [points((20, 20))], [None])

    def score(by, zoomed):
        (result,) = by.track(encoded, 1, [first.state], reverse=False, zoomed=zoomed)
        return result.object_score

    window = score(predictor, True)
    assert MICRO.presence_threshold > 0
    assert score(predictor, False) == pytest.approx(window - MICRO.presence_threshold, abs=1e-5)
    settings = TrackerSettings(presence_threshold=0.25)
    strict = SAM2Predictor(predictor.model, "strict", "0", settings=settings)
    for zoomed in (False, True):
        assert score(strict, zoomed) == pytest.approx(window - 0.25, abs=1e-5)


def test_a_group_of_objects_gets_the_masks_of_each_alone(predictor, data, monkeypatch):
    image = np.repeat(data[0][..., None], 3, axis=2)
    encoded = predictor.encode(image)
    prompts = [points((20, 20)), points((30, 60)), points((5, 5), (6, 6))]
    alone = [predictor.add_prompts(encoded, 0, [prompt], [None])[0] for prompt in prompts]
    for copied in (1, 2 * image[..., 0].size * 4, 2**25):
        monkeypatch.setattr(decoded_masks, "_COPIED_BYTES", copied)
        together = predictor.add_prompts(encoded, 0, prompts, [None] * 3)
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_array_equal(one.logits, other.logits)
            assert (one.predicted_iou, one.object_score) == (
                other.predicted_iou,
                other.object_score,
            )
    assert list(predictor.track(encoded, 1, [], reverse=False)) == []


def test_points_without_a_sure_mask_are_left_out_and_others_stay_the_same(predictor, data):
    encoding = predictor.encode(np.repeat(data[0][..., None], 3, axis=2))
    grid = np.stack(np.meshgrid(np.arange(4, 48, 9.0), np.arange(4, 80, 9.0)), axis=-1)
    every = predictor.predict_points(encoding, grid.reshape(-1, 2))
    best = every.predicted_iou.max(axis=1)
    limit = float(np.median(best))
    some = predictor.predict_points(encoding, grid.reshape(-1, 2), min_iou=limit)
    assert 0 < len(some.logits) < len(every.logits)
    np.testing.assert_array_equal(some.predicted_iou, every.predicted_iou[best >= limit])
    np.testing.assert_allclose(some.logits, every.logits[best >= limit], atol=1e-4)
    none = predictor.predict_points(encoding, grid.reshape(-1, 2), min_iou=1.0)
    assert none.logits.shape == (0, *every.logits.shape[1:])


def test_many_points_have_the_masks_of_single_ones(predictor, data):
    encoding = predictor.encode(np.repeat(data[0][..., None], 3, axis=2))
    yx = np.array([[20.0, 20.0], [30.0, 60.0], [5.0, 70.0]])
    together = predictor.predict_points(encoding, yx)
    for number, point in enumerate(yx):
        alone = predictor.predict_points(encoding, point[None])
        np.testing.assert_allclose(together.logits[number], alone.logits[0], atol=1e-4)
