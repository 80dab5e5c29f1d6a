"""The order in which volumes are computed, and from what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.tracking.volume_series.plan import make_series_plan

TIMES = 7


def test_the_order_as_text() -> None:
    plan = make_series_plan({1: (2,), 5: (6,)}, 9)
    assert plan.order == "t=2, 6, then 3 to 8, then 5 to 0"
    assert (
        plan.restricted(lambda step, object_id: object_id == 5).order
        == "t=6, then 7 to 8, then 5 to 0"
    )
    nothing = plan.restricted(lambda step, object_id: False)
    assert (nothing.steps, nothing.order) == ((), "")


@given(
    st.dictionaries(st.integers(1, 4), st.sets(st.integers(0, TIMES - 1), min_size=1), min_size=1),
    st.sets(st.tuples(st.integers(1, 4), st.integers(0, TIMES - 1))),
)
def test_a_restricted_plan_keeps_the_order_and_the_starts(prompted, needed) -> None:
    plan = make_series_plan({o: tuple(sorted(times)) for o, times in prompted.items()}, TIMES)
    part = plan.restricted(lambda step, object_id: (object_id, step.time) in needed)
    kept = [
        (s.time, o, t) for s in plan.steps for o, t in s.starts.items() if (o, s.time) in needed
    ]
    assert [(s.time, o, t) for s in part.steps for o, t in s.starts.items()] == kept
    assert all(step.objects for step in part.steps)


def test_the_plan_as_text() -> None:
    lines = make_series_plan({1: (2,), 2: (2,), 5: (6,)}, TIMES).lines()
    assert lines == (
        "1. t=2: objects 1, 2, along z from the prompts.",
        "2. t=6: object 5, along z from the prompts.",
        "3. t=3 to 6, in increasing order: objects 1, 2, along t from the time point before on one "
        "plane, then along z.",
        "4. t=5 to 2, in decreasing order: object 5, along t from the time point after on one "
        "plane, then along z.",
        "5. t=1 to 0, in decreasing order: objects 1, 2, 5, along t from the time point after on "
        "one plane, then along z.",
    )


@given(
    prompted=st.dictionaries(
        st.integers(1, 5),
        st.lists(st.integers(0, TIMES - 1), min_size=1, unique=True).map(sorted),
        min_size=1,
    ),
    direction=st.sampled_from(PropagationDirection),
)
def test_each_volume_is_computed_once_after_its_source(
    prompted: dict[int, list[int]], direction: PropagationDirection
) -> None:
    done: dict[int, set[int]] = {object_id: set() for object_id in prompted}
    for step in make_series_plan(prompted, TIMES, direction).steps:
        for object_id in step.objects:
            assert step.time not in done[object_id]
            sources = step.sources(object_id)
            assert set(sources) <= done[object_id]
            assert step.prompted == (step.time in prompted[object_id])
            if not step.prompted:
                assert abs(sources[0] - step.time) == 1
                assert sources[-1] in prompted[object_id]
                assert not set(sources[:-1]) & set(prompted[object_id])
            done[object_id].add(step.time)
    for object_id, times in prompted.items():
        first = times[0] if direction is PropagationDirection.FORWARD else 0
        last = times[-1] if direction is PropagationDirection.BACKWARD else TIMES - 1
        assert done[object_id] == set(range(first, last + 1))


def test_a_run_needs_a_prompt() -> None:
    with pytest.raises(UserError, match="No object has a prompt"):
        make_series_plan({}, TIMES)
