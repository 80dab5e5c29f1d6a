"""What holds for every memory policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2_model.errors import InputError
from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import Anchor, Retention, TrackState
from sam2_model.memory_policies.distractor_aware import DistractorAwareMemory
from sam2_model.memory_policies.memory_tree import MemoryTree
from sam2_model.memory_policies.plain import PlainMemory
from sam2_model.memory_policies.policy import MemoryPolicy
from sam2_model.memory_policies.selection import Selection
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import Tracker, TrackerSettings
from sam2_model.transforms import Coordinates, frame_pixels
from sam2_model.video_predictor import VideoPredictor, VideoSession
from tests.helpers.networks import SMALL, clip, network
from tests.helpers.scripted_memory import DISTRACTOR, OBJECT, Seen, advance, entry, prompted

POLICIES = [PlainMemory(), DistractorAwareMemory(), MemoryTree()]
every_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)


@pytest.fixture(scope="module")
def model() -> SAM2:
    return network()


def scripted(rng: np.random.Generator) -> tuple[Seen, ...]:
    boxes = ((OBJECT,), (OBJECT, DISTRACTOR), (DISTRACTOR,))
    score = rng.choice([-4.0, 1.0, 6.0], p=[0.2, 0.2, 0.6])
    return tuple(Seen(b, iou, score) for b, iou in zip(boxes, rng.uniform(0, 1, 3), strict=True))


def shape(selection: Selection) -> tuple[Any, ...]:
    """Return the frames of a selection with their places, and the factors of keys."""
    chosen = (selection.spatial, selection.pointers)
    return *([(e.frame, place) for e, place in part] for part in chosen), selection.key_scales


@every_policy
@pytest.mark.parametrize("reverse", [False, True])
def test_states_stay_bounded(policy: MemoryPolicy, reverse: bool) -> None:
    rng = np.random.default_rng(5)
    state, sizes = prompted(0), []
    for step in range(1, 501):
        time = FrameTime(-step if reverse else step, reverse)
        state = advance(policy, state, time, [scripted(rng)])
        sizes.append(state.nbytes)
    assert max(sizes[250:]) <= max(sizes[60:250])
    assert all(len(path.non_conditioning) <= 16 + 7 for path in policy.paths(state))
    assert state.reverse is reverse


@given(
    number=st.integers(0, 2), seed=st.integers(0, 99), steps=st.integers(1, 45), back=st.booleans()
)
@settings(max_examples=30, deadline=None)
def test_dropped_memories_are_those_that_no_frame_attends_to(
    number: int, seed: int, steps: int, back: bool
) -> None:
    policy = POLICIES[number]
    bounded = whole = prompted(20)
    rng = np.random.default_rng(seed)
    for step in range(1, steps + 1):
        time = FrameTime(20 + (-step if back else step), back)
        seen = [scripted(rng) for _ in policy.paths(whole)]
        following = replace(time, frame=time.frame + (-1 if back else 1))
        bounded = advance(policy, bounded, time, seen)
        whole = advance(policy, whole, time, seen, Retention.ALL)
        chosen, reference = (
            [shape(policy.select(path, following, 4)) for path in policy.paths(state)]
            for state in (bounded, whole)
        )
        assert chosen == reference


@every_policy
@given(seed=st.integers(0, 99), frame=st.integers(-5, 45), back=st.booleans())
@settings(max_examples=10, deadline=None)
def test_selections_are_bounded_and_never_repeat(
    policy: MemoryPolicy, seed: int, frame: int, back: bool
) -> None:
    rng = np.random.default_rng(seed)
    state = prompted(0)
    for step in range(1, 40):
        state = advance(policy, state, FrameTime(step), [scripted(rng)], Retention.ALL)
    for number in rng.integers(1, 40, 3):
        state = state.with_conditioning(entry(int(number)))
    for path in policy.paths(state):
        selection = policy.select(path, FrameTime(frame, back), 2)
        for part in (selection.spatial, selection.pointers):
            frames = [e.frame for e, _ in part]
            assert len(frames) == len(set(frames))
        assert len(selection.spatial) <= 2 + 6
        assert len(selection.pointers) <= 2 + 15 + 3
        assert all(distance >= 0 for _, distance in selection.pointers)


def _session(model: SAM2, policy: MemoryPolicy, **more: Any) -> VideoSession:
    session = VideoPredictor(model, TrackerSettings(memory=policy, **more)).start(clip(14))
    for number, x in enumerate((30.0, 12.0, 45.0)):
        session.add_points(6, number, [[x, 20.0]], [1])
    return session


def _run(session: VideoSession, **how: Any) -> dict[int, np.ndarray]:
    return {found.frame: found.logits.numpy() for found in session.propagate(**how)}


@every_policy
@pytest.mark.parametrize("reverse", [False, True])
def test_objects_of_a_batch_are_independent(
    model: SAM2, policy: MemoryPolicy, reverse: bool
) -> None:
    together = _run(_session(model, policy, objects_per_batch=16), start=6, reverse=reverse)
    assert len(together) == 7 + (not reverse)
    single = _session(model, policy, objects_per_batch=1)
    single.remove_object(0)
    for frame, logits in _run(single, start=6, reverse=reverse).items():
        np.testing.assert_allclose(logits, together[frame][1:], atol=2e-2, rtol=2e-2)


def test_policies_differ_and_plain_is_the_default(model: SAM2) -> None:
    plain, aware, tree = (_run(_session(model, policy), start=6) for policy in POLICIES)
    default = VideoPredictor(model).start(clip(14))
    for number, x in enumerate((30.0, 12.0, 45.0)):
        default.add_points(6, number, [[x, 20.0]], [1])
    assert all(np.array_equal(plain[t], m) for t, m in _run(default, start=6).items())
    assert not np.array_equal(plain[13], aware[13])
    assert not np.array_equal(plain[13], tree[13])


def test_all_three_masks_contain_the_one_that_is_selected(model: SAM2) -> None:
    [features] = _features(model, 1)
    decoded = model.decode_masks(
        model.add_no_memory_embedding(features), features.high_res, None, None, None
    )
    best = model.select_mask(decoded, ambiguous=True, dynamic=False)
    masks = model.ambiguous_masks(decoded)
    assert len(masks) == 3
    [same] = [mask for mask in masks if torch.equal(mask.ious, best.ious)]
    assert torch.equal(same.logits, best.logits)
    assert torch.equal(same.pointer, best.pointer)


@every_policy
def test_a_saved_state_continues_bit_identically(model: SAM2, policy: MemoryPolicy) -> None:
    tracker = Tracker(model, TrackerSettings(memory=policy))
    features = _features(model, 22)
    tokens = Coordinates(48, 60, SMALL.image_size).points([[30.0, 20.0]], [1], model.device)
    mask = tracker.predict(features[0], FrameTime(0), tokens)
    [first] = tracker.encode_memory(features[0], 0, [mask])
    state = TrackState().with_conditioning(first)
    for frame in range(1, 19):
        [(_, state)] = tracker.track(features[frame], FrameTime(frame), [state])
    if isinstance(policy, DistractorAwareMemory):
        state = replace(state, anchors=(Anchor(state.non_conditioning[15], (1, 0)),))
    loaded = TrackState.from_bytes(state.to_bytes())
    assert (loaded.nbytes, loaded.areas) == (state.nbytes, state.areas)
    for frame in range(19, 22):
        [(expected, state)] = tracker.track(features[frame], FrameTime(frame), [state])
        [(found, loaded)] = tracker.track(features[frame], FrameTime(frame), [loaded])
        assert torch.equal(found.logits, expected.logits)
    moved = tracker.shift_memory(state, 1, -2)
    assert moved.nbytes == state.nbytes


@torch.inference_mode()
def _features(model: SAM2, count: int) -> list[Any]:
    pixels = [frame_pixels(one, SMALL.image_size, model.device) for one in clip(count)]
    return [model.encode_image(one) for one in pixels]


def test_several_hypotheses_exclude_one_mask_per_object() -> None:
    with pytest.raises(InputError, match="another memory policy"):
        TrackerSettings(memory=MemoryTree(), non_overlap_memory=True)
    assert TrackerSettings(memory=DistractorAwareMemory(), non_overlap_memory=True)
