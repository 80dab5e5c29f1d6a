"""Actions of the log as bytes."""

from __future__ import annotations

import pytest

from napari_sam2.session.actions.actions import RunStarted
from napari_sam2.session.actions.codec import decode_action, encode_action, kind_of
from napari_sam2.tracking.plan import GrowingRun, PropagationRequest, make_plan


@pytest.mark.parametrize("growing", [None, GrowingRun("run", last=True)])
def test_a_run_is_read_as_it_was_written(growing: GrowingRun | None) -> None:
    plan = make_plan(PropagationRequest(growing=growing), {1: (0,), 2: (5,)}, 8)
    started = RunStarted((("z", 1),), 3, plan)
    assert decode_action(kind_of(started), encode_action(started)) == started
