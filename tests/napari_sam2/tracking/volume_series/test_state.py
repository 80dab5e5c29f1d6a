"""The stored state of a run through a series."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.tracking.volume_series.state import SeriesState, StepJournal
from tests.helpers.fakes import MemoryJournal

STATES = st.builds(
    SeriesState,
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(1, 2**31), st.integers(0, 10**6)), max_size=5).map(tuple),
    st.binary(max_size=50),
)


@given(STATES)
def test_what_is_stored_is_read(state: SeriesState) -> None:
    assert SeriesState.from_bytes(state.to_bytes()) == state


@given(STATES, st.binary(min_size=1, max_size=50))
def test_checkpoints_of_a_step_are_stored_with_it(state: SeriesState, data: bytes) -> None:
    journal = MemoryJournal()
    StepJournal(journal, state).checkpoint(data)
    stored = journal.last_checkpoint()
    assert stored is not None
    again = SeriesState.from_bytes(stored)
    assert (again.step, again.planes) == (state.step, state.planes)
    assert StepJournal(journal, again).last_checkpoint() == data
