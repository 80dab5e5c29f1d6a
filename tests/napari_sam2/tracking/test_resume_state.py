from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from napari_sam2.images.view import ViewPolicy
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import GrowingRun, PropagationDirection, PropagationRequest
from napari_sam2.tracking.resume_state import ResumeState
from tests.helpers.fakes import FakePredictor, MemoryJournal
from tests.helpers.scenes import click, movie, session_of, straight

PATHS = [straight((30, 20), (1, 3), 24), straight((90, 100), (-1, -2), 24)]
DATA = movie((128, 160), PATHS)


def run(
    view: str,
    stop_after: int | None,
    masks=None,
    drafts=None,
    journal=None,
    resume=False,
    labels=None,
):
    predictor = FakePredictor(image_size=64, token_stride=4)
    prompts = [click(1, 2, PATHS[0]), click(1, 18, PATHS[0]), click(2, 10, PATHS[1])]
    session = session_of(
        DATA,
        prompts,
        predictor=predictor,
        settings=SessionSettings(view=ViewPolicy.parse(view), checkpoint_every=4),
        masks=masks,
        drafts=drafts,
        journal=journal,
        labels=labels,
    )
    for number, _ in enumerate(session.propagate(resume=resume)):
        if number == stop_after:
            break
    return session


def payloads(session):
    return {
        (object_id, index): session.masks.get(object_id, index)
        for object_id in session.masks.objects()
        for index in session.masks.indices(object_id)
    }


@pytest.mark.parametrize("view", ["full", "zoom:48"])
@pytest.mark.parametrize("killed_at", [0, 7, 23, 41, 50])
def test_killed_and_resumed_equals_uninterrupted(view, killed_at):
    whole = run(view, None)
    masks, drafts, journal = MemoryMaskStore(), MemoryMaskStore(), MemoryJournal()
    killed = run(view, killed_at, masks, drafts, journal)
    resumed = run(view, None, masks, drafts, journal, resume=True, labels=killed.labels)
    assert payloads(resumed) == payloads(whole)
    for frame in range(24):
        np.testing.assert_array_equal(resumed.labels.read((frame,)), whole.labels.read((frame,)))


def test_resuming_computes_only_what_is_left():
    masks, drafts, journal = MemoryMaskStore(), MemoryMaskStore(), MemoryJournal()
    run("full", 41, masks, drafts, journal)
    resumed = run("full", None, masks, drafts, journal, resume=True)
    whole = run("full", None)
    assert resumed.predictor.calls["track"] < whole.predictor.calls["track"] / 2


def test_a_finished_run_resumes_to_nothing():
    journal, masks = MemoryJournal(), MemoryMaskStore()
    run("full", None, masks, None, journal)
    again = run("full", None, masks, None, journal, resume=True)
    assert again.predictor.calls["track"] == 0
    assert again.run.complete


def test_a_checkpoint_of_other_prompts_is_not_used():
    journal = MemoryJournal()
    run("full", 30, MemoryMaskStore(), None, journal)
    session = session_of(DATA, [click(1, 3, PATHS[0])], settings=SessionSettings(), journal=journal)
    assert len(list(session.propagate(resume=True))) == 24


def test_a_checkpoint_of_another_run_is_not_even_decoded():
    """Versions differ in what they keep of a track."""
    journal = MemoryJournal()
    run("full", 30, MemoryMaskStore(), None, journal)
    with np.load(BytesIO(journal.last_checkpoint())) as archive:
        header = json.loads(archive["header"].tobytes())
    assert header["tracks"]
    header |= {"run_id": "another", "tracks": [{"unlike": "ours"}]}
    buffer = BytesIO()
    np.savez(buffer, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))
    journal.checkpoint(buffer.getvalue())
    again = run("full", None, MemoryMaskStore(), None, journal, resume=True)
    assert again.run.complete
    assert again.predictor.calls["track"] == run("full", None).predictor.calls["track"]


def test_cancelled_run_keeps_a_checkpoint_of_its_last_frame():
    masks, journal = MemoryMaskStore(), MemoryJournal()
    session = session_of(DATA, [click(1, 0, PATHS[0])], masks=masks, journal=journal)
    for result in session.propagate():
        if result.frame == 6:
            session.cancel()
    session = session_of(DATA, [click(1, 0, PATHS[0])], masks=masks, journal=journal)
    assert [r.frame for r in session.propagate(resume=True)] == list(range(7, 24))


def test_the_journal_says_what_is_done_and_how():
    journal = MemoryJournal()
    run("full", None, MemoryMaskStore(), None, journal)
    gap = {d.origin.value for d in journal.done() if d.object_id == 1 and d.index == (9,)}
    assert gap == {"forward", "blend"}
    assert len({(d.object_id, d.index) for d in journal.done()}) == 48


@pytest.mark.parametrize("every", [1, 3, 16])
def test_a_run_that_grows_equals_one_that_had_all_objects_from_the_start(every):
    settings = SessionSettings(checkpoint_every=every)
    first, second = click(1, 2, PATHS[0]), click(2, 10, PATHS[1])
    forward = PropagationRequest(direction=PropagationDirection.FORWARD)
    whole = session_of(DATA, [first, second], settings=settings)
    list(whole.propagate(forward))
    grown = session_of(DATA, [first], settings=settings, journal=MemoryJournal())
    list(grown.propagate(replace(forward, frames=(0, 11), growing=GrowingRun("run", last=False))))
    grown.prompts.add(second)
    list(grown.propagate(replace(forward, growing=GrowingRun("run", last=True)), resume=True))
    assert payloads(grown) == payloads(whole)


def test_a_part_of_a_growing_run_keeps_the_state_before_its_last_frame():
    journal = MemoryJournal()
    session = session_of(
        DATA, [click(1, 2, PATHS[0])], settings=SessionSettings(checkpoint_every=3), journal=journal
    )
    part, forward = GrowingRun("run", last=False), PropagationDirection.FORWARD
    list(session.propagate(PropagationRequest(None, forward, (0, 9), part)))
    state = ResumeState.from_bytes(journal.last_checkpoint(), "run")
    assert (state.sweep, state.done) == (0, 6)  # frames 2 to 7; frame 8 is computed again
