"""The distractor-aware policy: anchors where a similar object is near, and recent frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import torch

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import TrackState
from sam2_model.memory_policies.distractor_aware import DistractorAwareMemory, distractor_seen
from tests.helpers.scripted_memory import DISTRACTOR, OBJECT, Seen, advance, entry, prompted

POLICY = DistractorAwareMemory()
ALONE = (Seen(), Seen(iou=0.5), Seen(iou=0.4))
BESIDE = (Seen(), Seen((OBJECT, DISTRACTOR), 0.6), Seen(iou=0.4))
ABSENT = (Seen((), 0.9, -5.0), Seen((), 0.5, -5.0), Seen((), 0.4, -5.0))


def followed(
    frames: Iterable[int], masks: dict[int, tuple[Seen, ...]], start: int = 0, reverse: bool = False
) -> TrackState:
    state = prompted(start)
    for frame in frames:
        state = advance(POLICY, state, FrameTime(frame, reverse), [masks.get(frame, ALONE)])
    return state


def anchors(state: TrackState) -> list[int]:
    return [anchor.entry.frame for anchor in state.anchors]


@pytest.mark.parametrize(("start", "reverse"), [(0, False), (40, True)])
def test_frames_with_a_distractor_become_anchors(start: int, reverse: bool) -> None:
    frames = [start + (-t if reverse else t) for t in range(1, 40)]
    near = {start + (-t if reverse else t): BESIDE for t in (3, 10, 12, 20)}
    state = followed(frames, near, start, reverse)
    # 3 is too near to the prompt, 12 too near to 10.
    assert [abs(frame - start) for frame in anchors(state)] == [10, 20]
    selection = POLICY.select(state, FrameTime(0 if reverse else 40, reverse), None)
    timeless = {e.frame for e, slot in selection.spatial if slot == 6}
    assert timeless == {start, *anchors(state)}
    assert {abs(e.frame - start) for e, _ in selection.pointers} >= {0, 10, 20}


@pytest.mark.parametrize(
    "masks",
    [
        pytest.param((Seen(iou=0.79), *BESIDE[1:]), id="low predicted IoU"),
        pytest.param((Seen(((2, 2, 8, 14),)), *BESIDE[1:]), id="another area"),
        pytest.param(
            (Seen(), Seen(((2, 2, 9, 8),), 0.6), Seen(iou=0.5)), id="slightly larger masks only"
        ),
        pytest.param(tuple(Seen(one.boxes, one.iou, -1.0) for one in BESIDE), id="absent"),
    ],
)
def test_other_frames_do_not(masks: tuple[Seen, ...]) -> None:
    assert anchors(followed(range(1, 30), {20: masks})) == []


def test_the_oldest_anchor_is_dropped() -> None:
    state = followed(range(1, 60), dict.fromkeys(range(10, 60, 10), BESIDE))
    assert anchors(state) == [30, 40, 50]


def test_the_best_mask_is_chosen() -> None:
    worst_first = [Seen(iou=0.2).mask(), Seen(iou=0.7).mask(), Seen(iou=0.4).mask()]
    [chosen] = POLICY.choose(prompted(0), [tuple(worst_first)])
    assert chosen.mask is worst_first[1]
    assert chosen.rejected == (worst_first[0], worst_first[2])


def test_recent_frames_are_the_last_and_every_fifth_with_the_object() -> None:
    state = followed(range(1, 43), dict.fromkeys((30, 35, 38, 39), ABSENT))
    selection = POLICY.select(state, FrameTime(43), None)
    assert [(e.frame, slot) for e, slot in selection.spatial] == [
        *[(0, 6), (42, 0), (40, 1), (25, 2), (20, 3), (15, 4), (10, 5)]
    ]
    pointers = {e.frame: distance for e, distance in selection.pointers}
    assert pointers == {0: 43} | {t: 43 - t for t in range(28, 43) if t not in (30, 35, 38, 39)}


def test_a_long_absence_keeps_the_memories_of_the_object() -> None:
    state = followed(range(1, 200), dict.fromkeys(range(33, 200), ABSENT))
    spatial = POLICY.select(state, FrameTime(200), None).spatial
    assert [e.frame for e, _ in spatial] == [0, 30, 25, 20, 15, 10, 5]


@pytest.mark.parametrize("prompts", [1, 3, 8])
def test_anchors_and_prompts_leave_room_for_recent_frames(prompts: int) -> None:
    state = followed(range(1, 60), dict.fromkeys(range(10, 60, 10), BESIDE))
    for number in range(1, prompts):
        state = state.with_conditioning(entry(-number))
    spatial = POLICY.select(state, FrameTime(60), None).spatial
    assert sum(slot < 6 for _, slot in spatial) == 3
    assert len({e.frame for e, _ in spatial}) == len(spatial) == prompts + 6


def test_anchors_that_the_view_has_left_behind_are_dropped() -> None:
    state = followed(range(1, 30), {10: BESIDE, 20: BESIDE})
    near, far = (state.shifted(torch.clone, (0, shift)) for shift in (1, 2))
    assert anchors(near) == [10, 20]
    assert anchors(far) == anchors(near.shifted(torch.clone, (0, 1))) == []
    assert anchors(near.shifted(torch.clone, (0, -1))) == [10, 20]


def _plane(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    plane = np.zeros((20, 20), bool)
    for y0, x0, y1, x1 in boxes:
        plane[y0:y1, x0:x1] = True
    return plane


@pytest.mark.parametrize(
    ("rejected", "seen"),
    [
        ([], False),
        ([()], False),
        ([((0, 0, 4, 4),)], False),
        ([((0, 0, 8, 8),)], False),
        ([((12, 12, 16, 16),)], True),
        ([(), ((0, 0, 8, 18),)], True),
        # Only the largest component counts.
        ([((8, 0, 10, 8), (19, 19, 20, 20))], False),
    ],
)
def test_a_distractor_makes_the_box_larger(rejected: list, seen: bool) -> None:
    chosen = _plane((0, 0, 8, 8))
    found = distractor_seen(chosen, [_plane(*boxes) for boxes in rejected], 0.7)
    assert found is seen
