"""Tracks: bounded memory, shared encodings, states that can be saved, corrections that stick."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sam2_model.errors import InputError
from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, Retention, TrackState
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import Tracker, TrackerSettings
from sam2_model.transforms import Coordinates, frame_pixels, mask_to_square
from sam2_model.video_predictor import VideoPredictor, VideoSession
from tests.helpers.networks import SMALL, LazyClip, clip, network


@pytest.fixture(scope="module")
def model() -> SAM2:
    return network()


def _clicked(model: SAM2, frames: Any, **settings: Any) -> VideoSession:
    session = VideoPredictor(model, TrackerSettings(**settings)).start(frames)
    session.add_points(0, 1, [[30.0, 20.0]], [1])
    return session


def _run(session: VideoSession, **how: Any) -> dict[int, np.ndarray]:
    return {found.frame: found.logits.numpy() for found in session.propagate(**how)}


def test_state_does_not_grow_with_the_video(model: SAM2) -> None:
    frames = LazyClip(121)  # Memory and object pointers are full after 20 frames.
    session = _clicked(model, frames)
    sizes = {}
    for found in session.propagate():
        sizes[found.frame] = session.nbytes
    assert sizes[30] == sizes[120]
    assert frames.most <= 2


def test_keeping_all_grows(model: SAM2) -> None:
    session = _clicked(model, LazyClip(60), retention=Retention.ALL)
    sizes = [session.nbytes for _ in session.propagate()]
    assert sizes[50] > sizes[20] > sizes[10]


def test_the_window_forgets_only_what_no_frame_attends_to(model: SAM2) -> None:
    frames = clip(24)
    bounded = _run(_clicked(model, frames))
    whole = _run(_clicked(model, frames, retention=Retention.ALL))
    assert all(np.array_equal(bounded[t], whole[t]) for t in range(24))


def test_objects_share_encodings_and_stay_independent(
    model: SAM2, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = clip(6)
    points = np.random.default_rng(0).uniform((5, 5), (55, 43), (16, 2))
    calls = []
    encode = SAM2.encode_image
    monkeypatch.setattr(SAM2, "encode_image", lambda *a: calls.append(1) or encode(*a))

    together = VideoPredictor(model).start(frames)
    for number, point in enumerate(points):
        together.add_points(0, number, [point], [1])
    joint = _run(together)
    assert len(calls) == len(frames)

    for number, point in enumerate(points):
        alone = VideoPredictor(model).start(frames)
        alone.add_points(0, number, [point], [1])
        for frame, logits in _run(alone).items():
            np.testing.assert_allclose(joint[frame][number], logits[0], atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("size", [1, 3, 16])
def test_batch_size_changes_nothing_but_rounding(model: SAM2, size: int) -> None:
    frames = clip(4)

    def run(objects_per_batch: int) -> dict[int, np.ndarray]:
        session = _clicked(model, frames, objects_per_batch=objects_per_batch)
        for number in range(2, 6):
            session.add_points(0, number, [[8.0 * number, 20.0]], [1])
        return _run(session)

    reference, found = run(4), run(size)
    for frame, logits in reference.items():
        np.testing.assert_allclose(found[frame], logits, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("frame", [1, 7, 17])
def test_a_saved_state_continues_bit_identically(model: SAM2, frame: int) -> None:
    tracker = Tracker(model)
    pixels = [frame_pixels(one, SMALL.image_size, model.device) for one in clip(20)]
    with torch.inference_mode():
        features = [model.encode_image(one) for one in pixels]
    state = _conditioned(tracker, features[0])

    def follow(state: TrackState, first: int) -> list[torch.Tensor]:
        masks = []
        for t in range(first, len(features)):
            [(choice, state)] = tracker.track(features[t], FrameTime(t), [state])
            masks.append(choice.logits)
        return masks

    reference = follow(state, 1)
    for t in range(1, frame + 1):
        [(_, state)] = tracker.track(features[t], FrameTime(t), [state])
    loaded = TrackState.from_bytes(state.to_bytes())
    assert loaded.nbytes == state.nbytes
    assert all(
        torch.equal(a, b) for a, b in zip(follow(loaded, frame + 1), reference[frame:], strict=True)
    )


def _conditioned(tracker: Tracker, features: Any) -> TrackState:
    tokens = Coordinates(48, 60, SMALL.image_size).points([[30.0, 20.0]], [1], torch.device("cpu"))
    mask = tracker.predict(features, FrameTime(0), tokens)
    [entry] = tracker.encode_memory(features, 0, [mask])
    return TrackState().with_conditioning(entry)


def test_a_correction_sticks_by_default_and_only_then(model: SAM2) -> None:
    frames = clip(8)

    def corrected(**settings: Any) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        session = _clicked(model, frames, retention=Retention.ALL, **settings)
        before = _run(session)
        session.add_points(4, 1, [[10.0, 40.0], [30.0, 20.0]], [1, 0])
        return before, _run(session)

    before, after = corrected()
    assert not np.allclose(before[4], after[4])
    assert not np.allclose(before[6], after[6])
    before, after = corrected(corrections_as_conditioning=False)
    assert all(np.array_equal(before[t], after[t]) for t in before)


def test_a_correction_outside_the_window_takes_its_mask_from_the_caller(model: SAM2) -> None:
    session = _clicked(model, clip(30))
    masks = {found.frame: session.memory(found.frame, 1) for found in session.propagate()}
    assert session.memory(5, 1) is None
    remembered = masks[5]
    assert remembered is not None
    assert remembered.logits is not None
    blind = session.add_points(5, 1, [[12.0, 30.0]], [1]).logits
    informed = session.add_points(5, 1, [[12.0, 30.0]], [1], previous=remembered.logits * -1).logits
    assert not torch.equal(blind, informed)


def test_second_click_on_a_one_frame_clip(model: SAM2) -> None:
    session = _clicked(model, clip(1))
    _run(session)
    found = session.add_points(0, 1, [[31.0, 22.0]], [1], clear_old=False)
    assert torch.isfinite(found.logits).all()
    assert np.isfinite(_run(session)[0]).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_tracking_before_the_first_prompt(model: SAM2, dtype: torch.dtype) -> None:
    session = VideoPredictor(model, TrackerSettings(memory_dtype=dtype)).start(clip(6))
    session.add_points(4, 1, [[30.0, 20.0]], [1])
    found = _run(session, start=0)
    assert sorted(found) == list(range(6))
    assert all(np.isfinite(one).all() for one in found.values())


def test_prompt_after_the_only_prompt_was_cleared(model: SAM2) -> None:
    session = _clicked(model, clip(6), corrections_as_conditioning=False)
    _run(session)
    session.clear_prompts(0, 1)
    with pytest.raises(InputError, match=r"Object 1 has no prompt"):
        next(session.propagate())
    session.add_points(3, 1, [[20.0, 20.0]], [1])
    assert sorted(_run(session)) == [3, 4, 5]


def test_clearing_around_input_forgets_neighbours(model: SAM2) -> None:
    def run(**settings: Any) -> dict[int, np.ndarray]:
        session = _clicked(model, clip(12), retention=Retention.ALL, **settings)
        _run(session)
        session.add_points(6, 1, [[10.0, 40.0]], [1])
        return _run(session, start=6)

    assert not np.array_equal(run()[7], run(clear_memory_near_prompts=True)[7])


def test_reverse_visits_frames_backward(model: SAM2) -> None:
    session = VideoPredictor(model).start(clip(6))
    session.add_points(4, 1, [[30.0, 20.0]], [1])
    assert list(_run(session, reverse=True)) == [4, 3, 2, 1, 0]
    assert list(_run(session, start=3, max_frames=1, reverse=True)) == [3, 2]


@pytest.mark.parametrize("where", ["non_overlap_masks", "non_overlap_memory"])
def test_objects_exclude_each_other(model: SAM2, where: str) -> None:
    def run(**settings: Any) -> dict[int, np.ndarray]:
        session = _clicked(model, clip(4), **settings)
        session.add_points(0, 2, [[32.0, 22.0]], [1])
        return _run(session)

    shared, exclusive = run(), run(**{where: True})
    assert ((shared[3] > 0).sum(0) > 1).any()
    assert not np.array_equal(shared[3], exclusive[3])
    if where == "non_overlap_masks":
        assert ((exclusive[3] > 0).sum(0) <= 1).all()


def test_an_absent_object_has_an_empty_mask() -> None:
    session = _clicked(network(profile="occluded"), clip(10))
    for found in session.propagate():
        entry = session.memory(found.frame, 1)
        assert entry is not None
        if float(entry.object_score) <= 0:
            assert not (found.logits > 0).any()


def _first_two(session: VideoSession) -> list[tuple[torch.Tensor, float]]:
    """Return logits and object scores of a prompted frame and the one after."""
    found = [(result.logits, session.memory(result.frame, 1)) for result in session.propagate()]
    return [(logits, float(entry.object_score)) for logits, entry in found if entry is not None]


def test_a_tracked_object_must_exceed_the_presence_threshold(model: SAM2) -> None:
    frames = clip(2)
    usual = _first_two(_clicked(model, frames))
    for margin in (-0.25, 0.25):
        threshold = usual[1][1] + margin
        first, second = _first_two(_clicked(model, frames, presence_threshold=threshold))
        assert torch.equal(first[0], usual[0][0])
        assert second[1] == pytest.approx(-margin, abs=1e-4)
        assert bool((second[0] > -1000).any()) is (margin < 0)


def test_a_mask_prompt_is_kept(model: SAM2) -> None:
    session = VideoPredictor(model).start(clip(3))
    mask = np.zeros((48, 60), bool)
    mask[10:30, 15:40] = True
    found = session.add_mask(0, 1, mask).logits[0, 0].numpy() > 0
    assert (found & mask).sum() / (found | mask).sum() > 0.9


def test_objects_can_be_added_late_and_removed(model: SAM2) -> None:
    session = _clicked(model, clip(6))
    alone = _run(session)
    session.add_points(3, 2, [[45.0, 30.0]], [1])
    both = _run(session, start=0)
    np.testing.assert_allclose(both[5][0], alone[5][0], atol=2e-2, rtol=2e-2)
    session.remove_object(1)
    assert session.object_ids == (2,)
    assert _run(session)[4].shape[0] == 1


def test_shift_moves_memories_by_whole_tokens() -> None:
    spatial = torch.arange(16.0).view(1, 4, 4)
    entry = MemoryEntry(0, None, torch.zeros(8), torch.zeros(1), spatial)
    tracker = Tracker(network())
    moved = (
        tracker.shift_memory(TrackState().with_conditioning(entry), 1, -1).conditioning[0].spatial
    )
    assert moved is not None
    assert torch.equal(moved[0, :3, 1:], spatial[0, 1:, :3])
    assert torch.equal(moved[0, 3], moved[0, 2])
    assert torch.equal(moved[0, :, 0], moved[0, :, 1])
    gone = tracker.shift_memory(TrackState().with_conditioning(entry), 9, 0).conditioning[0].spatial
    assert gone is not None
    assert not gone.any()


def test_a_mask_prompt_of_another_size_is_resized() -> None:
    mask = np.zeros((100, 40), bool)
    mask[:50] = True
    square = mask_to_square(mask, 64, torch.device("cpu"))
    assert square.shape == (1, 1, 64, 64)
    assert square[0, 0, :31].all()
    assert not square[0, 0, 33:].any()
