"""Differences between runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt, PointPrompt
from napari_sam2.session.storage.fingerprint import Fingerprint
from napari_sam2.session.storage.run_description import (
    ModelIdentity,
    RunDescription,
    RunPart,
    compare,
)
from tests.helpers.fakes import FakePredictor

SHAPE = (30, 40)
POINT, MASK = PointPrompt(1, 0, (3, 4)), MaskPrompt(2, 1, np.ones((2, 3)), (4, 4))


def fingerprint(value: int) -> Fingerprint:
    return Fingerprint.of(open_stack(np.full((5, *SHAPE), value, np.uint8), axes="TYX"))


RUN = RunDescription(
    prompts=(PromptStore([POINT, MASK], axis="t").snapshot(),),
    model=ModelIdentity("micro", "abc123"),
    input=fingerprint(0),
    settings={"direction": "both", "range": (0, 5), "group_size": 8},
    shape=SHAPE,
)
CHANGES = {
    RunPart.PROMPTS: {"prompts": (PromptStore([MASK], axis="t").snapshot(),)},
    RunPart.MODEL: {"model": ModelIdentity("tiny", "def456")},
    RunPart.INPUT: {"input": fingerprint(1)},
    RunPart.SETTINGS: {"settings": {**RUN.settings, "direction": "forward"}},
}


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (RunPart.PROMPTS, "prompts: the prompts of object 1 have changed"),
        (RunPart.MODEL, "model: was micro (abc123, float32), now tiny (def456, float32)"),
        (RunPart.INPUT, "input: pixel values changed"),
        (RunPart.SETTINGS, "settings: direction was both, now forward"),
    ],
)
def test_one_difference_is_described(part: RunPart, text: str) -> None:
    [difference] = compare(RUN, replace(RUN, **CHANGES[part]))
    assert difference.part is part
    assert str(difference) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dtype": "bfloat16"}, "now micro (abc123, bfloat16)"),
        ({"input_size": 512}, "now micro (abc123, float32, 512 px)"),
    ],
)
def test_the_same_weights_in_another_way_are_a_difference(change: Any, text: str) -> None:
    [difference] = compare(RUN, replace(RUN, model=replace(RUN.model, **change)))
    assert str(difference).endswith(text)


def test_the_usual_input_size_is_that_of_the_first_runs() -> None:
    info = FakePredictor().info
    assert ModelIdentity.of(info) == ModelIdentity("fake", "fake-1")
    assert ModelIdentity.of(replace(info, resized=True)).input_size == info.image_size


def test_all_differences_are_found() -> None:
    changes = {name: value for change in CHANGES.values() for name, value in change.items()}
    assert {d.part for d in compare(RUN, replace(RUN, **changes))} == set(RunPart)


def test_settings_are_compared_as_json() -> None:
    assert compare(RUN, replace(RUN, settings={**RUN.settings, "range": [0, 5]})) == ()


def test_another_axis_of_the_prompts_is_a_difference() -> None:
    other = replace(RUN, prompts=(replace(RUN.prompts[0], axis="z"),))
    assert "axis was t, now z" in str(compare(RUN, other)[0])


def test_a_run_that_states_no_memory_policy_is_plain() -> None:
    plain, tree = (
        replace(RUN, settings={**RUN.settings, "memory": name}) for name in ("plain", "memory-tree")
    )
    assert compare(RUN, plain) == ()
    assert RUN.memory is plain.memory is MemoryPolicy.PLAIN
    assert tree.memory is MemoryPolicy.MEMORY_TREE
    [difference] = compare(RUN, tree)
    assert str(difference) == "settings: memory was plain, now memory-tree"


def test_a_memory_policy_of_a_later_version_is_refused() -> None:
    later = replace(RUN, settings={**RUN.settings, "memory": "forest"})
    with pytest.raises(UserError, match="memory policy forest"):
        _ = later.memory
